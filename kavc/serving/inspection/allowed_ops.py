"""The ops that a served graph may hold, in groups; whatever is in none is refused.

A group says in one sentence why none of its ops can read or write a file, reach another process,
wait for another request, or take memory by an attribute alone. Attributes are bounded beside it, in
`attributes`; ops that touch files are bounded to their place in a SavedModel, in `file_ops`. Not
here, for good: files, records and data pipelines, Python, other machines, summaries and printing,
queues, stages, barriers and mutexes, batching across requests, serialised protos and tensors,
memory that nothing was written to, TPUs' own ops, and the loops of version 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kavc.errors import ConfigError, unknown


@dataclass(frozen=True)
class OpGroup:
    """Ops that are allowed for one reason.

    Args:
        name: what they do.
        why: one sentence: why they do no harm.
        ops: their names in TensorFlow's registry.

    Example:
        >>> GROUPS[0].name, "Const" in GROUPS[0].ops
        ('constants and inputs', True)
    """

    name: str
    why: str
    ops: frozenset[str]


def _group(name: str, why: str, ops: str) -> OpGroup:
    return OpGroup(name, why, frozenset(ops.split()))


GROUPS = (
    _group(
        "constants and inputs",
        "They give what the file itself holds or the caller sent; what a constant claims beyond "
        "its bytes is bounded.",
        "Const Fill Identity IdentityN LinSpace NoOp OnesLike Placeholder "
        "PlaceholderWithDefault PreventGradient Range StopGradient ZerosLike",
    ),
    _group(
        "element-wise mathematics",
        "They compute each element of the output from the inputs' elements at its place.",
        """
        Abs Acos Acosh Add AddN AddV2 Angle ApproximateEqual Asin Asinh Atan Atan2
        Atanh BesselI0 BesselI0e BesselI1 BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1
        BesselK1e BesselY0 BesselY1 Betainc Bitcast BitwiseAnd BitwiseOr BitwiseXor Bucketize Cast
        Ceil ClipByValue Complex ComplexAbs Conj Cos Cosh Dawsn Digamma Div DivNoNan Equal Erf Erfc
        Erfinv Exp Expint Expm1 FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
        FakeQuantWithMinMaxVarsPerChannel Floor FloorDiv FloorMod FresnelCos FresnelSin Greater
        GreaterEqual Igamma Igammac Imag Inv Invert IsFinite IsInf IsNan LeftShift Less LessEqual
        Lgamma Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul MulNoNan Ndtri Neg
        NextAfter NotEqual Polygamma PopulationCount Pow Real RealDiv Reciprocal RightShift Rint
        Round Rsqrt Select SelectV2 Sigmoid Sign Sin Sinh Spence Sqrt Square SquaredDifference Sub
        Tan Tanh TruncateDiv TruncateMod Xdivy Xlog1py Xlogy Zeta
        """,
    ),
    _group(
        "reductions and scans",
        "They fold their input along axes, and give no more than they got.",
        """
        All Any ArgMax ArgMin Bincount Cumprod Cumsum CumulativeLogsumexp DenseBincount
        DenseCountSparseOutput EuclideanNorm HistogramFixedWidth InTopK InTopKV2 InvertPermutation
        L2Loss ListDiff LowerBound Max Mean Min NthElement Prod Sum TopK TopKV2 Unique UniqueV2
        UniqueWithCounts UniqueWithCountsV2 UpperBound
        """,
    ),
    _group(
        "linear algebra",
        "They compute products and decompositions of the matrices that they are given.",
        """
        BandedTriangularSolve BatchMatMul BatchMatMulV2 BatchMatMulV3 Cholesky Cross Diag DiagPart
        Eig Einsum LogMatrixDeterminant Lu MatMul MatrixBandPart MatrixDeterminant MatrixDiag
        MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixExponential
        MatrixInverse MatrixLogarithm MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve
        MatrixSolveLs MatrixSquareRoot MatrixTriangularSolve Qr SelfAdjointEigV2 Svd
        TridiagonalMatMul TridiagonalSolve
        """,
    ),
    _group(
        "networks",
        "They compute layers and losses of their inputs; sizes of windows and paddings are "
        "bounded.",
        """
        AvgPool AvgPool3D BiasAdd BiasAddV1 Conv2D Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D
        Conv3DBackpropInputV2 CTCBeamSearchDecoder CTCGreedyDecoder DepthwiseConv2dNative
        DepthwiseConv2dNativeBackpropInput Dilation2D Elu FusedBatchNorm FusedBatchNormV2
        FusedBatchNormV3 LeakyRelu LogSoftmax LRN MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax Relu
        Relu6 Selu Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign
        SparseSoftmaxCrossEntropyWithLogits
        """,
    ),
    _group(
        "shapes and slices",
        "They move the elements of their inputs; sizes come as tensors, not as attributes.",
        """
        BatchToSpace BatchToSpaceND BroadcastArgs BroadcastTo Concat
        ConcatOffset ConcatV2 ConjugateTranspose DepthToSpace DynamicPartition DynamicStitch
        EnsureShape ExpandDims Gather GatherNd GatherV2 MirrorPad OneHot Pack Pad PadV2
        Rank Reshape Reverse ReverseSequence ReverseV2 Roll ScatterNd Shape
        ShapeN Size Slice SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StridedSlice
        TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate
        TensorStridedSliceUpdate Tile Transpose UnravelIndex Unpack Where XlaDynamicUpdateSlice
        """,
    ),
    _group(
        "segments, ragged and sparse tensors",
        "They compute with rows of values and their indices, which come as plain tensors.",
        """
        RaggedGather RaggedRange RaggedTensorToSparse RaggedTensorToTensor SegmentMax SegmentMaxV2
        SegmentMean SegmentMin SegmentMinV2 SegmentProd SegmentProdV2 SegmentSum SegmentSumV2
        SparseAdd SparseConcat SparseCross SparseDenseCwiseAdd SparseDenseCwiseDiv
        SparseDenseCwiseMul SparseFillEmptyRows SparseReduceMax SparseReduceSum SparseReorder
        SparseReshape SparseSegmentMean SparseSegmentMeanWithNumSegments SparseSegmentSqrtN
        SparseSegmentSqrtNWithNumSegments SparseSegmentSum SparseSegmentSumWithNumSegments
        SparseSlice SparseSoftmax SparseTensorDenseMatMul SparseToDense UnsortedSegmentMax
        UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum
        """,
    ),
    _group(
        "random numbers",
        "They draw numbers of a shape that comes as a tensor, from a seed or a counter.",
        """
        Multinomial ParameterizedTruncatedNormal RandomGamma RandomPoissonV2 RandomShuffle
        RandomStandardNormal RandomUniform RandomUniformInt RngReadAndSkip RngSkip
        StatefulRandomBinomial StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform
        StatefulUniformFullInt StatefulUniformInt StatelessMultinomial
        StatelessParameterizedTruncatedNormal StatelessRandomBinomial StatelessRandomGammaV2
        StatelessRandomGammaV3 StatelessRandomGetAlg StatelessRandomGetKeyCounter
        StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2
        StatelessRandomPoisson StatelessRandomUniform StatelessRandomUniformFullInt
        StatelessRandomUniformFullIntV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
        StatelessRandomUniformV2 StatelessShuffle StatelessTruncatedNormal
        StatelessTruncatedNormalV2 TruncatedNormal
        """,
    ),
    _group(
        "sound and spectra",
        "They transform, decode or encode what they are given; sizes of windows and of the sound "
        "that is wanted are bounded.",
        """
        AudioSpectrogram DecodeWav EncodeWav FFT FFT2D FFT3D IFFT IFFT2D IFFT3D IRFFT IRFFT2D
        IRFFT3D RFFT RFFT2D RFFT3D
        """,
    ),
    _group(
        "images",
        "They decode, encode and resample images that they are given as bytes or numbers.",
        """
        AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression
        CropAndResize DecodeAndCropJpeg DecodeBmp DecodeGif DecodeImage DecodeJpeg DecodePng
        DrawBoundingBoxes DrawBoundingBoxesV2 EncodeJpeg EncodeJpegVariableQuality EncodePng
        ExtractGlimpse ExtractGlimpseV2 ExtractImagePatches ExtractJpegShape ExtractVolumePatches
        HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3 NonMaxSuppression
        NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
        NonMaxSuppressionWithOverlaps ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
        RGBToHSV ScaleAndTranslate
        """,
    ),
    _group(
        "texts",
        "They cut, join, hash and convert texts; patterns are RE2's, whose time is linear and "
        "whose memory is limited.",
        """
        AsString DecodeBase64 DecodeRaw EncodeBase64 ReduceJoin RegexFullMatch RegexReplace
        StaticRegexFullMatch StaticRegexReplace StringJoin StringLength StringLower
        StringSplit StringSplitV2 StringStrip StringToHashBucket StringToHashBucketFast
        StringToHashBucketStrong StringToNumber StringUpper Substr
        """,
    ),
    _group(
        "lists of tensors",
        "They keep the tensors of a loop, as many as a tensor says.",
        """
        EmptyTensorList TensorListConcatLists TensorListConcatV2
        TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem
        TensorListLength TensorListPopBack TensorListPushBack TensorListPushBackBatch
        TensorListReserve TensorListResize TensorListScatter TensorListScatterIntoExistingList
        TensorListScatterV2 TensorListSetItem TensorListSplit TensorListStack
        """,
    ),
    _group(
        "lookup tables",
        "They keep keys and values in the memory of the version's own session.",
        """
        AnonymousHashTable AnonymousMutableHashTable AnonymousMutableHashTableOfTensors HashTable
        HashTableV2 InitializeTable InitializeTableV2 LookupTableExportV2 LookupTableFind
        LookupTableFindV2 LookupTableImportV2 LookupTableInsertV2 LookupTableRemoveV2
        LookupTableSize LookupTableSizeV2 MutableHashTableOfTensorsV2 MutableHashTableV2
        """,
    ),
    _group(
        "variables",
        "They keep tensors in the memory of the version's own session; an attribute gives a "
        "variable's shape, but its memory is taken by the value that it is assigned.",
        """
        Assign AssignAddVariableOp AssignSubVariableOp AssignVariableOp DisableCopyOnRead
        IsVariableInitialized ReadVariableOp ResourceGather ResourceGatherNd ResourceScatterAdd
        ResourceScatterNdAdd ResourceScatterNdUpdate ResourceScatterUpdate VarHandleOp
        VarIsInitializedOp VariableShape VariableV2
        """,
    ),
    _group(
        "calls, branches and loops",
        "They run functions of the file's own library, which are checked as the graph is.",
        """
        Case If Merge PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf
        StatelessWhile Switch While
        """,
    ),
    _group(
        "checks",
        "They end a request with an error that quotes the values it came with.",
        "Assert CheckNumerics CheckNumericsV2",
    ),
    _group(
        "files of the version itself",
        "They load variables and fill tables; `file_ops` sees that they read the version's own "
        "files, that nothing which a server runs writes one, and that no request reads one.",
        "InitializeTableFromTextFile InitializeTableFromTextFileV2 MergeV2Checkpoints RestoreV2 "
        "SaveV2 ShardedFilename",
    ),
)
ALLOWED = frozenset().union(*(group.ops for group in GROUPS))


def check_ops(names: Iterable[str]) -> None:
    """Raises unless all are ops of TensorFlow, for an option that allows more of them.

    Args:
        names: of ops.

    Raises:
        ConfigError: there is no op of a name.

    Example:
        >>> check_ops(["MatMul"])
        >>> check_ops(["MatMull"])
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: unknown op of TensorFlow 'MatMull'; did you mean 'MatMul'?
    """
    for name in names:
        import tensorflow as tf  # takes seconds: loaded for a name alone

        known = [op for op in dir(tf.raw_ops) if not op.startswith("_")]
        if name not in known:
            raise ConfigError(unknown("op of TensorFlow", name, known))
