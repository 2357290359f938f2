"""Tensors, numbers and checkpoints: shapes, types, NaN, state dicts, damaged files.

The wordings are those of PyTorch, Lightning, transformers, JAX, Flax, NumPy and Keras.
"""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import rule

_CHECKPOINTS = (
    rule(
        "state_dict_mismatch",
        r"size mismatch for (?P<key>[\w.]+): copying a param with shape (?P<there>.+?) from "
        r"checkpoint, the shape in current model is (?P<here>.+?)\.?$",
        "The checkpoint does not fit the model: {key} is {there} in it, and {here} here.",
        weight=68,
    ),
    rule(
        "state_dict_mismatch",
        r"Missing key\(s\) in state_dict: \"?(?P<key>[\w.]+)",
        "The checkpoint does not fit the model: it has no {key}.",
        weight=67,
    ),
    rule(
        "state_dict_mismatch",
        r"Unexpected key\(s\) in state_dict: \"?(?P<key>[\w.]+)",
        "The checkpoint does not fit the model, which has no {key}.",
        weight=67,
    ),
    rule(
        "state_dict_mismatch",
        r"Error\(s\) in loading state_dict|loaded state dict "
        r"(contains a parameter group that doesn't match|has a different number of parameter "
        r"groups)|ignore_mismatched_sizes|(Shape|size) mismatch.*checkpoint|"
        r"checkpoint.*(shape|size) mismatch|KeyError: '?\S*(state_dict|optimizer_states|"
        r"lr_schedulers|model_state)'?|the target structure (does not|doesn't) match|"
        r"User-provided restore item and on-disk|The target dict keys and state dict keys do not "
        r"match|[Tt]he (checkpoint|state dict|weights?).*(do(es)? not|doesn't) (fit|match)|"
        r"A total of \d+ objects could not be loaded|Layer count mismatch when loading weights|"
        r"expected \d+ variables?, but received \d+|Missing key in checkpoint state_dict|"
        r"Cannot load file containing .* into (a )?model|axes_manager|rng state must be a|"
        r"Unable to restore.*state",
        weight=64,
    ),
    rule(
        "weights_only_refused",
        r"Weights only load failed|WeightsUnpickler error: Unsupported",
        weight=70,
    ),
    rule(
        "weights_only_refused",
        r"Unsupported (global|class|operand).*(weights_only|safe_globals)|"
        r"require users to upgrade torch to at least v?2\.6|"
        r"Object arrays cannot be loaded when allow_pickle=False",
        weight=60,
    ),
    rule("checkpoint_corrupt", r"Unsupported operand \d+", weight=71, shown=Shown.RAISED),
    rule(
        "checkpoint_corrupt",
        r"EOFError|UnpicklingError|UnicodeDecodeError|KeyError: \d+|unexpected EOF",
        "The file ends too early, or is no checkpoint.",
        weight=59,
        shown=Shown.RAISED,
        frame=r"torch/serialization|_unpickler|pickle\w*\.load|torch\.load\(|safetensors|joblib",
    ),
    rule(
        "state_dict_mismatch",
        r"KeyError: (?P<key>.+)",
        "The checkpoint has no key {key}.",
        weight=50,
        shown=Shown.RAISED,
        frame=r"\b(ckpt|checkpoint|state|state_dict|snapshot|chkpt|weights)\w*\[",
    ),
    rule(
        "checkpoint_corrupt",
        r"PytorchStreamReader failed|failed finding central directory|"
        r"invalid header or archive is corrupted|unexpected EOF, expected \d+ more bytes|"
        r"The file might be corrupted|[Ss]afetensor\w*Error: .*|Error while deserializing header|"
        r"(Header|header)(Too(Large|Small)|InvalidHeader\w*)|MetadataIncompleteBuffer|"
        r"incomplete metadata, file not fully covered|UnpicklingError: "
        r"(invalid load key|pickle data was truncated|unpickling|Memo|could not)|"
        r"EOFError: Ran out of input|Invalid magic number; corrupt file|"
        r"Unable to (synchronously )?open (file|object) \((file signature not found|"
        r"truncated file|bad)|not a (valid )?(zip|checkpoint|HDF5) (file|archive)|BadZipFile: .*|"
        r"(checkpoint|weights|\.(pt|pth|ckpt|bin|safetensors)\b).{0,80}(corrupt|truncated|"
        r"is empty)|version https://git-lfs|storage has wrong (byte )?size|"
        r"unable to mmap \d+ bytes|Data loss: .*(checkpoint|corrupt|Checksum)|DataLossError|"
        r"Unable to load weights from pytorch checkpoint file|you may have a git-lfs|"
        r"You seem to have cloned a repository without having git-lfs",
        weight=62,
    ),
)

_NAN = (
    rule("nan_loss", r"Invalid loss, terminating training", weight=61),
    rule(
        "nan_loss",
        r"(?i)\b(loss|grad(ient)?s?|cost|objective|perplexity|metric|logits?|activation|output|"
        r"weight|elbo|reward)\w*\b[^\n]{0,60}?(?<![\w/.-])(nan|inf|infinite|infinity|non-?finite|"
        r"not (a )?finite|diverged)\b(?![\w/.-])|(?<![\w/.-])(nan|non-?finite|infinite|"
        r"inf)(s)?( or inf\w*)?( values?)?( detected| found| encountered| produced|"
        r" occurred)?( in| for| at)?( the)? (\w+ )?(loss|grad\w*|weights?|parameters?|"
        r"activations?|outputs?|logits|local grad norm)\b(?!\W{0,3}\d)|(?i:loss "
        r"(has )?(diverged|exploded|became nan))",
        weight=60,
    ),
    rule(
        "nan_loss",
        r"returned nan values in its \d+th output|(?i:\bnan\b.{0,20}encountered)|"
        r"FloatingPointError: .*(nan|inf|loss|scale|invalid value|overflow|divide|diverg)|"
        r"Tensor had (NaN|Inf)|found (NaN|Inf|invalid values?: tensor\(\[+nan)|"
        r"but found invalid values|is non-finite, so it cannot be clipped|"
        r"Current loss scale already at minimum|Minimum loss scale reached|"
        r"(?i:contains? (nan|inf\w*)\b(?!\W*(false|no\b|0)))|Detected (nan|inf)|loss=(nan|"
        r"inf)\b.*(stop|abort|exit)|"
        r"probability tensor contains|(?i:(is|are|became|was|got|=) "
        r"(nan|inf|not finite|infinite)\b.*(stop|abort|exit|halt))|converged? to nan|"
        r"array must not contain infs or NaNs|SVD did not converge|loss is not finite|"
        r"Gradient overflow.*abort|The loss returned in `training_step` is",
        weight=58,
    ),
)

_SHAPES = (
    rule(
        "label_out_of_range",
        r"Target (?P<label>-?\d+) is out of bounds",
        "The class label {label} is outside of the range of the model's outputs.",
        weight=63,
    ),
    rule(
        "label_out_of_range",
        r"Class values must be (smaller than|non-negative)|"
        r"Received a label value of -?\d+ which is outside the valid range|"
        r"y contains previously unseen labels|all elements of (input|target) should be between 0 "
        r"and 1|(labels?|targets?|class(es| ind\w+)?)\b.{0,40}(out of (range|bounds)|outside)|"
        r"Invalid classes inferred from unique values|Detected the following values in "
        r"`(target|preds)`|The highest label in `target` should be smaller|[Ll]abel must be "
        r"(in \[0|discrete values in the range)",
        weight=61,
    ),
    rule(
        "tokenizer_config_mismatch",
        r"index out of range in self|Asking to pad but the tokenizer does not have a padding "
        r"token|tokenizer does not have a (padding|pad|chat|mask) ?\w*|"
        r"Cannot handle batch sizes > 1 if no padding token is defined|"
        r"add_special_tokens.*pad_token|"
        r"(input|token)_?ids? .*(vocab|embedding).*(size|range|exceed|beyond)|"
        r"vocab(ulary)?_?\s?size.*(mismatch|does not match|differ)|"
        r"tokenizer\.chat_template is not set|The tokenizer has no (padding|mask)|"
        r"Unable to create tensor, you should probably activate truncation|"
        r"(?<!indices )(sequence|input) length.{0,40}(exceeds|longer than|greater than).{0,40}(max|"
        r"position)",
        weight=61,
    ),
    rule(
        "shape_mismatch",
        r"mat1 and mat2 shapes cannot be multiplied \((?P<a>\S+) and (?P<b>\S+)\)",
        "Tensor shapes do not fit together: {a} times {b}.",
        weight=64,
    ),
    rule(
        "shape_mismatch",
        r"Unexpected \w+ shape \(|"
        r"shapes? .*cannot be multiplied|The size of tensor a \(\d+\) must match|"
        r"shape '?\[.*\]'? is invalid for input of size|Sizes of tensors must match|"
        r"stack expects each tensor to be equal size|Expected input batch_size \(\d+\) to match|"
        r"could not (be )?broadcast|cannot be broadcast|to have \d+ channels, but got \d+ "
        r"channels|Expected more than 1 value per channel when training|"
        r"Using a target size .* that is different|incompatible with the layer: |"
        r"Expected \d[\w-]*D .*input|[Dd]imension out of range|"
        r"expected \w* ?(input|tensor|hidden\[\d\]).*(size|dim|shape).*got|size mismatch, got|"
        r"size mismatch,|The expanded size of the tensor|Given (groups|normalized_shape)=|"
        r"incompatible shapes|Incompatible shapes|incompatible dimensions|"
        r"[Ss]hapes? .*(must be|not) (equal|compatible|aligned|match|broadcast)|"
        r"shapes? .* (are|is) (incompatible|not aligned)|shape mismatch|"
        r"operands could not be broadcast|setting an array element with a sequence|"
        r"(mismatch|mismatched) (in|of)? ?(shape|dimension|its core dimension)|"
        r"Trying to resize storage that is not resizable|dot_general requires contracting "
        r"dimensions|must have (the same|equal) shapes?|inconsistent (numbers? of samples|shape)|"
        r"tensors used as indices|batch[12] must be a 3D|Expected size for first two dimensions|"
        r"input\.size\(-1\) must be equal to input_size|Kernel size can't be greater than actual "
        r"input size|Cannot reshape a tensor|cannot reshape array of size|"
        r"too many indices for (tensor|array)|The shape of the mask .* does not match|"
        r"only batches of spatial targets supported|Calculated padded input size per channel|"
        r"the number of dimensions? .*must|matmul: Input operand|Matrix size-incompatible|"
        r"embed_dim must be divisible by|hidden_size.*(divisible|multiple)|"
        r"X has \d+ features, but .* is expecting|weight tensor should be defined either for all|"
        r"mul got incompatible shapes|dimensions? of the input .* must match|"
        r"All input arrays .* must have the same|inputs? have incompatible|"
        r"Arguments? `?target`? and `?output`? must have the same shape|"
        r"output with shape .* doesn't match the broadcast shape|einsum\(\).*(subscript|operand)|"
        r"expected sequence of length \d+ at dim|Invalid input shape for input|"
        r"input has incompatible shape|must match the existing size|"
        r"must have the same first dimension|multi-target not supported|inconsistent tensor size|"
        r"shape of .* must be|Output size is too small|"
        r"Target size .* must be the same as input size|view size is not compatible|"
        r"the number of sizes provided|[Tt]ensors must have (the )?same number of dimensions|"
        r"Number of columns does not match number of features|"
        r"(dimension|size) mismatch(ed)?\b.*\d",
        weight=56,
    ),
    rule(
        "dtype_mismatch",
        r"must have the same dtype|with uniform dtype|expected scalar type \w+ but found \w+|"
        r"[Ee]xpected (dtype|scalar type|m1 and m2|mat1 and mat2|tensor for argument)|"
        r"not implemented for '(Half|BFloat16|Long|Int|Bool|Float|Double|Char|Byte|ComplexFloat|"
        r"Float8_e4m3fn)'|result type \w+ can't be cast to|Found dtype \w+ but expected \w+|"
        r"[Ii]nput type \(.*\) and (bias|weight) type \(.*\) should be the same|"
        r"Attempting to unscale FP16 gradients|Input dtype should be|"
        r"Index put requires the source and destination dtypes match|"
        r"can't be cast to the desired output type|Got unsupported ScalarType BFloat16|"
        r"tensors used as indices must be long|only Tensors of floating point( and complex)? "
        r"dtype can require gradients|mean\(\): could not infer output dtype|"
        r"query, key, and value to have the same dtype|dtypes? (mismatch|do(es)? not match)|"
        r"can't convert np\.ndarray of type numpy\.object_|"
        r"FlashAttention only support(s)? fp16 and bf16|[Uu]nsupported dtype|"
        r"requires \w+ of (equal|the same) dtypes?|dtype .* but got|"
        r"cannot compute \w+ as input #\d+.* was expected to be a|"
        r"(grad requires real-valued inputs|requires float inputs)|"
        r"expected to be of (floating|integer) (point )?(data ?)?type|"
        r"0D or 1D target tensor expected|expected .*(dtype|(scalar|data|tensor) ?type) .*\b(got|"
        r"found)\b",
        weight=57,
    ),
    rule(
        "ddp_unused_parameters",
        r"Expected to have finished reduction in the prior iteration|"
        r"parameters that were not used in producing (the )?loss|find_unused_parameters=True|"
        r"Parameter indices which did not receive grad|have parameters that were not used",
        weight=63,
        shown=Shown.RAISED,
    ),
    rule(
        "user_code_error",
        r"element 0 of tensors does not require grad|Trying to backward through the graph a "
        r"second time|modified by an inplace operation|leaf Variable that requires grad|"
        r"grad can be implicitly created only for scalar|Boolean value of Tensor with more than "
        r"one value|One of the differentiated Tensors appears to not have been used|"
        r"optimizer got an empty parameter list|No inf checks were recorded|"
        r"Can't call numpy\(\) on Tensor that requires grad|Inference tensors cannot be saved|"
        r"Encountered an unexpected tracer|TracerBoolConversionError|ConcretizationTypeError|"
        r"[Aa]bstract tracer value encountered|UnexpectedTracerError|"
        r"a Tensor with \d+ elements cannot be converted to Scalar|"
        r"only (one element tensors|integer tensors of a single element|length-1 arrays) can|"
        r"TracerArrayConversionError|TracerIntegerConversionError|truth value of an array|"
        r"context has already been set",
        weight=55,
    ),
)

RULES: tuple[CauseRule, ...] = (*_CHECKPOINTS, *_NAN, *_SHAPES)
