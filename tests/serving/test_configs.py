"""Config files: what operators write for the real server is read, what is written reads back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from google.protobuf import text_format

from kavc.errors import ConfigError
from kavc.serving.config_messages import message
from kavc.serving.configs import (
    BatchingConfig,
    MonitoringConfig,
    TLSConfig,
    add_model,
    batching_text,
    models_of,
    models_text,
    monitoring_text,
    parse_models,
    read_batching,
    read_models,
    read_monitoring,
    tls_text,
)

OPERATORS = """
# as in TensorFlow Serving's guide
max_batch_size { value: 128 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 1000000 }
num_batch_threads { value: 8 }
thread_pool_name { value: "pool" }
allowed_batch_sizes: 64
allowed_batch_sizes: 128
"""
PINNED = """model_config_list {
  # the old one until Monday
  config {
    name: "a"
    base_path: "/models/a"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 versions: 4 } }
    version_labels { key: "stable" value: 3 }
  }
}
"""
PEM = "-----BEGIN {0}-----\nAAAA\n-----END {0}-----\n"


@pytest.fixture
def file(tmp_path):
    def write(text: str | bytes, name: str = "x.config") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def folder_of(tmp_path, *models) -> Path:
    for model in models:
        version = tmp_path / "models" / model / "1"
        version.mkdir(parents=True)
        (version / "saved_model.pb").touch()
    return tmp_path / "models"


def test_batching_of_operators(file):
    assert read_batching(file(OPERATORS)) == BatchingConfig(
        max_batch_size=128,
        batch_timeout_micros=0,
        num_batch_threads=8,
        max_enqueued_batches=1000000,
        allowed_batch_sizes=(64, 128),
        others=(("thread_pool_name", "pool"),),
    )


def test_settings_of_newer_servers_are_handed_on(file):
    text = (
        OPERATORS.replace("sizes: 128", "sizes: 96")
        + """
        enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 96 }
    """
    )
    config = read_batching(file(text))
    assert config.others == (
        ("thread_pool_name", "pool"),
        ("enable_large_batch_splitting", True),
        ("max_execution_batch_size", 96),
    )
    written = batching_text(config)
    assert read_batching(file(written)) == config
    for word in ('value: "pool"', "enable_large_batch_splitting {", "max_execution_batch_size {"):
        assert word in written


def test_what_a_file_leaves_out_is_tensorflow_servings(file):
    config = read_batching(file(""))
    assert config == BatchingConfig()
    assert (config.max_batch_size, config.batch_timeout_micros) == (1000, 0)
    assert config.num_batch_threads == os.cpu_count()


@pytest.mark.parametrize(
    "config",
    [
        BatchingConfig(),
        BatchingConfig(8, 2000, 2, 5, (1, 4, 8), pad_variable_length_inputs=True),
        BatchingConfig(others=(("enable_large_batch_splitting", False),)),
    ],
)
def test_batching_reads_back(file, config):
    assert read_batching(file(batching_text(config))) == config


def test_batching_on_the_wire_has_the_published_numbers():
    config = BatchingConfig(2, 3, 4, 5, (1, 2), pad_variable_length_inputs=True)
    parsed = text_format.Parse(batching_text(config), message("BatchingParameters"))
    # (number << 3 | wire type): wrapped 1 to 4 as messages, 6 packed, 7 as a flag.
    wire = bytes(
        [0x0A, 2, 8, 2, 0x12, 2, 8, 3, 0x1A, 2, 8, 5, 0x22, 2, 8, 4, 0x32, 2, 1, 2, 0x38, 1]
    )
    assert parsed.SerializeToString() == wire


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size is 0; expected at least 1"),
        ("num_batch_threads { value: -1 }", "num_batch_threads is -1; expected at least 1"),
        ("max_enqueued_batches { value: 0 }", "max_enqueued_batches is 0"),
        ("batch_timeout_micros { value: -5 }", "batch_timeout_micros is -5; expected at least 0"),
        ("allowed_batch_sizes: 2\nallowed_batch_sizes: 1", r"\[2, 1\]; expected ascending"),
        ("allowed_batch_sizes: 0\nallowed_batch_sizes: 1000", "expected ascending"),
        ("allowed_batch_sizes: 4", "end with 4; expected max_batch_size, 1000"),
        ("max_batch_size: 3", "not a BatchingParameters in text format"),
        ("\nmax_bath_size { value: 3 }", "2:1: unknown field 'max_bath_size'; did you mean 'max_b"),
        ("enable_large_batch_spliting { value: true }", "did you mean 'enable_large_batch_splitt"),
        ("max_batch_size { valu: 3 }", "unknown field 'valu'; did you mean 'value'"),
        (
            "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 2 } "
            "allowed_batch_sizes: 1000",
            "end with 1000; expected max_execution_batch_size, 2",
        ),
        (b"\xff", "no UTF-8 text"),
        (b"#" * (4 * 2**20 + 1), "larger than 4 MiB"),
    ],
)
def test_wrong_batching_names_file_and_field(file, text, says):
    path = file(text)
    with pytest.raises(ConfigError, match=says) as error:
        read_batching(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.config: no such file"):
        read_batching(tmp_path / "none.config")


def test_monitoring(file):
    text = 'prometheus_config { enable: true, path: "/monitoring/prometheus/metrics" }'
    assert read_monitoring(file(text)) == MonitoringConfig()
    assert read_monitoring(file("prometheus_config { enable: true }")) == MonitoringConfig()
    assert not read_monitoring(file("")).enable
    config = MonitoringConfig(enable=True, path="/metrics")
    assert read_monitoring(file(monitoring_text(config))) == config
    with pytest.raises(ConfigError, match="path is 'metrics'; expected it to start with /"):
        read_monitoring(file('prometheus_config { path: "metrics" }'))


def test_tls_holds_the_files_contents(file):
    key, cert, authority = (
        file(PEM.format(kind), kind.replace(" ", "-"))
        for kind in ("PRIVATE KEY", "CERTIFICATE", "CA")
    )
    text = tls_text(TLSConfig(key, cert, authority, client_verify=True))
    parsed = text_format.Parse(text, message("SSLConfig"))
    assert parsed.server_key == key.read_text()
    assert parsed.server_cert == cert.read_text()
    assert parsed.custom_ca == authority.read_text()
    assert parsed.client_verify


def test_tls_that_can_not_be(file, tmp_path):
    key = file(PEM.format("KEY"))
    with pytest.raises(ConfigError, match="client_verify needs custom_ca"):
        TLSConfig(key, key, client_verify=True)
    with pytest.raises(ConfigError, match="none: no such file"):
        TLSConfig(tmp_path / "none", key).read()
    with pytest.raises(ConfigError, match="der: not PEM text; expected server_cert"):
        TLSConfig(key, file(b"0000", "der")).read()


def test_models_of_operators_read_back(file):
    config = read_models(file(PINNED))
    (entry,) = config.model_config_list.config
    assert list(entry.model_version_policy.specific.versions) == [3, 4]
    assert dict(entry.version_labels) == {"stable": 3}
    assert parse_models(models_text(config)) == config


def test_names_are_quoted():
    odd = 'an "odd" \\ näme'
    (entry,) = parse_models(models_text({odd: f"/x/{odd}"})).model_config_list.config
    assert (entry.name, entry.base_path, entry.model_platform) == (odd, f"/x/{odd}", "tensorflow")


def test_a_model_is_added_once():
    config = parse_models(PINNED)
    assert add_model(config, "b", "/models/b")
    assert not add_model(config, "a", "/elsewhere")
    assert [(m.name, m.base_path) for m in config.model_config_list.config] == [
        ("a", "/models/a"),
        ("b", "/models/b"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model_config_list { config { name: 'a' } }", "without name or base_path"),
        ("model_config_list { config { base_path: '/a' } }", "without name or base_path"),
        (PINNED.replace("}\n}\n", "}\n" + PINNED.split("\n", 1)[1]), "'a' is listed twice"),
        ("models {}", "not a ModelServerConfig in text format"),
    ],
)
def test_wrong_models(text, says):
    with pytest.raises(ConfigError, match=says):
        parse_models(text)


def test_without_a_file_every_model_is_served_from_where_it_is(tmp_path):
    folder = folder_of(tmp_path, "b", "a")
    served = models_of(folder).model_config_list.config
    assert [(m.name, m.base_path) for m in served] == [
        ("a", str(folder / "a")),
        ("b", str(folder / "b")),
    ]


def test_a_file_decides_and_its_paths_in_a_container_are_found_outside(tmp_path):
    folder = folder_of(tmp_path, "a", "b")
    elsewhere = 'config { name: "c" base_path: "/srv/c" model_platform: "tensorflow" }\n}\n'
    (folder / "models.config").write_text(PINNED.rpartition("}")[0] + elsewhere)
    a, c = models_of(folder).model_config_list.config
    assert (a.base_path, c.base_path) == (str(folder / "a"), "/srv/c")
    assert list(a.model_version_policy.specific.versions) == [3, 4]


@pytest.mark.parametrize(("made", "says"), [(False, "no such folder"), (True, "holds no model")])
def test_without_models(tmp_path, made, says):
    if made:
        (tmp_path / "models").mkdir()
    with pytest.raises(ConfigError, match=says):
        models_of(tmp_path / "models")
