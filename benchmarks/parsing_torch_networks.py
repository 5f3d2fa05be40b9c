"""The networks that `parsing_torch.py` trains: HAN and Base + Adv + Skip + GCAA in PyTorch.

They compute what was published in the way it was: one modality after the other, the FC of frames
before their mean, `nn.MultiheadAttention` as it comes, each of GCAA's projections by itself, its
contexts repeated for every segment, three heads. What the published objects hold and never use is
left out. Weights come from our networks, by the paths of their layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy

FRAMES = 8  # of a segment
EPSILON = 1e-5  # of normalisation
Weights = dict[str, Tensor]


class Parser(nn.Module):
    """What both networks have: FCs in front, heads and pooling at the end."""

    def __init__(self, weights: Weights):
        super().__init__()
        self.fc_audio = linear(weights, "fc_audio")
        self.fc_visual = linear(weights, "fc_visual")
        self.fc_visual_3d = linear(weights, "fc_visual_3d")
        self.fc_fusion = linear(weights, "fc_fusion")
        self.fc_prob, self.fc_frame_att, self.fc_av_att = linears(weights, "mmil_pooling/heads", 3)

    def encode(self, audio: Tensor, visual: Tensor, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the features of both modalities, (batch, segments, dim)."""
        frames = self.fc_visual(visual)
        if visual.shape[1] != audio.shape[1]:
            frames = mean_frames(frames)
        joined = torch.cat([frames, self.fc_visual_3d(clips)], dim=-1)
        return self.fc_audio(audio), self.fc_fusion(joined)

    def pool(self, x: Tensor) -> list[Tensor]:
        """Returns probabilities of the video, of audio and of visual, (batch, classes) each.

        Args:
            x: (batch, segments, 2, dim).
        """
        pooled = self.fc_frame_att(x).softmax(dim=1) * self.fc_prob(x).sigmoid()
        video = (pooled * self.fc_av_att(x).softmax(dim=2)).sum(dim=(1, 2))
        return [video, *pooled.sum(dim=1).unbind(dim=1)]


class HAN(Parser):
    """Hybrid attention network."""

    def __init__(self, weights: Weights, dropout: float):
        super().__init__(weights)
        self.hybrid = Block(weights, "hybrid", HybridAttention, dropout)

    def forward(self, *features: Tensor) -> list[Tensor]:
        audio, visual = self.encode(*features)
        attended = [self.hybrid(audio, visual), self.hybrid(visual, audio)]
        return self.pool(torch.stack(attended, dim=2))


class Adversarial(Parser):
    """Base + Adv + Skip + GCAA; `adversary` is of the batch that was seen last."""

    def __init__(self, weights: Weights, dropout: float):
        super().__init__(weights)
        self.audio_san = Block(weights, "audio_san", ContextAttention, dropout)
        self.visual_san = Block(weights, "visual_san", ContextAttention, dropout)
        self.cman = Block(weights, "cman", ContextAttention, dropout)
        self.shared_fc = linear(weights, "shared_fc")
        self.audio_norm = layer_norm(weights, "audio_norm")
        self.visual_norm = layer_norm(weights, "visual_norm")
        self.discriminator = discriminator(weights, "modality_discriminator")

    def forward(self, *features: Tensor) -> list[Tensor]:
        audio, visual = self.encode(*features)
        audio, visual = self.audio_san(audio, audio), self.visual_san(visual, visual)
        crossed = torch.stack([self.cman(audio, visual), self.cman(visual, audio)], dim=2)
        crossed = self.shared_fc(crossed)
        audio = self.audio_norm(crossed[:, :, 0] + audio)
        visual = self.visual_norm(crossed[:, :, 1] + visual)
        self.joint = torch.stack([audio, visual], dim=2)
        return self.pool(self.joint)

    def adversary(self, strength: float) -> Tensor:
        """Returns the loss of telling modalities apart, which the encoder climbs."""
        rows = Reversal.apply(self.joint.relu(), strength).reshape(-1, self.joint.shape[-1])
        is_visual = torch.arange(len(rows)) % 2
        order = torch.randperm(len(rows))
        told = self.discriminator(rows[order]).sigmoid().squeeze(-1)
        return binary_cross_entropy(told, is_visual[order].float())


class Block(nn.Module):
    """A Transformer layer, post-norm, around an attention of queries to keys."""

    def __init__(self, weights: Weights, name: str, attention: type[nn.Module], dropout: float):
        super().__init__()
        self.attention = attention(weights, f"{name}/{name}_attention", dropout)
        self.norm_1 = layer_norm(weights, f"{name}/norm_1")
        self.norm_2 = layer_norm(weights, f"{name}/norm_2")
        self.hidden = linear(weights, f"{name}/hidden")
        self.output = linear(weights, f"{name}/output")
        self.drop = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        x = self.norm_1(queries + self.attention(queries, keys))
        return self.norm_2(x + self.drop(self.output(self.drop(self.hidden(x).relu()))))


class HybridAttention(nn.Module):
    """The sum of an attention to the own modality and one to the other."""

    def __init__(self, weights: Weights, name: str, dropout: float):
        super().__init__()
        dim = len(weights[f"{name}/projection"])
        self.own = multi_head_attention(weights, name, "own", slice(3 * dim), dropout)
        self.other = multi_head_attention(weights, name, "other", slice(3 * dim, None), dropout)
        self.drop = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        queries, keys = queries.permute(1, 0, 2), keys.permute(1, 0, 2)
        other = self.drop(self.other(queries, keys, keys)[0])
        return (other + self.drop(self.own(queries, queries, queries)[0])).permute(1, 0, 2)


class ContextAttention(nn.Module):
    """Global-context-aware attention (GCAA)."""

    def __init__(self, weights: Weights, name: str, dropout: float):
        super().__init__()
        self.query, self.key, self.value = linears(weights, f"{name}/segments", 3)
        self.query_context, self.key_context = linears(weights, f"{name}/context", 2)
        for gate in ("query_gate", "query_context_gate", "key_gate", "key_context_gate"):
            setattr(self, gate, linear(weights, f"{name}/{gate}"))
        self.output = linear(weights, f"{name}/output_projection")
        self.drop = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        query, key, value = self.query(queries), self.key(keys), self.value(keys)
        query_context = self.query_context(repeated_mean(queries))
        key_context = self.key_context(repeated_mean(keys))
        share = (self.query_gate(query) + self.query_context_gate(query_context)).sigmoid()
        query = (1 - share) * query + share * query_context
        share = (self.key_gate(key) + self.key_context_gate(key_context)).sigmoid()
        key = (1 - share) * key + share * key_context
        scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
        return self.drop(self.output(self.drop(scores.softmax(dim=-1)) @ value))


class Reversal(torch.autograd.Function):
    """The identity, whose gradient comes back times `-strength`."""

    @staticmethod
    def forward(context, x: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradient, None


def mean_frames(frames: Tensor) -> Tensor:
    """Returns the means over the frames of each segment."""
    return frames.unflatten(1, (-1, FRAMES)).mean(dim=2)


def repeated_mean(x: Tensor) -> Tensor:
    """Returns the mean over segments at each of them."""
    return x.mean(dim=1, keepdim=True).repeat(1, x.shape[1], 1)


def linears(weights: Weights, name: str, count: int) -> list[nn.Linear]:
    """Returns layers whose kernels and biases lie side by side."""
    parts = [weights[f"{name}/{kind}"].chunk(count, dim=-1) for kind in ("kernel", "bias")]
    layers = []
    for kernel, bias in zip(*parts, strict=True):
        layer = nn.Linear(*kernel.shape)
        give(layer.weight, kernel.T)
        give(layer.bias, bias)
        layers.append(layer)
    return layers


def linear(weights: Weights, name: str) -> nn.Linear:
    """Returns the layer of a name."""
    return linears(weights, name, 1)[0]


def multi_head_attention(
    weights: Weights, name: str, which: str, part: slice, dropout: float
) -> nn.MultiheadAttention:
    """Returns PyTorch's attention of one head, with a part of the joint projection's weights."""
    kernel, bias = weights[f"{name}/projection"][:, part], weights[f"{name}/projection_bias"][part]
    layer = nn.MultiheadAttention(len(kernel), 1, dropout=dropout)
    give(layer.in_proj_weight, kernel.T)
    give(layer.in_proj_bias, bias)
    layer.out_proj = linear(weights, f"{name}/{which}_output")
    return layer


def layer_norm(weights: Weights, name: str) -> nn.LayerNorm:
    """Returns the layer of a name."""
    return normalisation(nn.LayerNorm, weights, name)


def discriminator(weights: Weights, name: str) -> nn.Sequential:
    """Returns the layers from features to a logit."""
    layers: list[nn.Module] = []
    for at in (0, 1):
        norm = normalisation(nn.BatchNorm1d, weights, f"{name}/norm_{at}")
        layers += [linear(weights, f"{name}/hidden_{at}"), norm, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, linear(weights, f"{name}/logit"))


def normalisation(kind: type[nn.Module], weights: Weights, name: str) -> nn.Module:
    """Returns a normalising layer with the scale and the offset of a name."""
    layer = kind(len(weights[f"{name}/gamma"]), eps=EPSILON)
    give(layer.weight, weights[f"{name}/gamma"])
    give(layer.bias, weights[f"{name}/beta"])
    return layer


def give(parameter: nn.Parameter, value: Tensor) -> None:
    """Puts a value into a parameter."""
    with torch.no_grad():
        parameter.copy_(value)
