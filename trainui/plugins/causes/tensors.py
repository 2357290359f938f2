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
        r"Error\(s\) in loading state_dict|loaded state dict (contains a parameter group that "
        r"doesn't match|has a different number of parameter groups)|ignore_mismatched_sizes|"
        r"(Shape|size) mismatch.*checkpoint|checkpoint.*(shape|size) mismatch|"
        r"KeyError: '?\S*(state_dict|optimizer_states|lr_schedulers|model_state)'?|"
        r"the target structure (does not|doesn't) match|User-provided restore item and on-disk|"
        r"The target dict keys and state dict keys do not match|"
        r"[Tt]he (checkpoint|state dict|weights?).*(do(es)? not|doesn't) (fit|match)|"
        r"A total of \d+ objects could not be loaded|"
        r"Layer count mismatch when loading weights|expected \d+ variables?, but received \d+|"
        r"Missing key in checkpoint state_dict|"
        r"Cannot load file containing .* into (a )?model|axes_manager|"
        r"rng state must be a|Unable to restore.*state",
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
        r"PytorchStreamReader failed|failed finding central directory|invalid header or archive is "
        r"corrupted|unexpected EOF, expected \d+ more bytes|The file might be corrupted|"
        r"[Ss]afetensor\w*Error: .*|Error while deserializing header|"
        r"(Header|header)(Too(Large|Small)|InvalidHeader\w*)|MetadataIncompleteBuffer|"
        r"incomplete metadata, file not fully covered|"
        r"UnpicklingError: (invalid load key|pickle data was truncated|unpickling|Memo|could not)|"
        r"EOFError: Ran out of input|Invalid magic number; corrupt file|"
        r"Unable to (synchronously )?open (file|object) \((file signature not found|truncated "
        r"file|bad)|not a (valid )?(zip|checkpoint|HDF5) (file|archive)|BadZipFile: .*|"
        r"(checkpoint|weights|\.(pt|pth|ckpt|bin|safetensors)\b).{0,80}(corrupt|truncated|is empty)"
        r"|version https://git-lfs|storage has wrong (byte )?size|"
        r"unable to mmap \d+ bytes|Data loss: .*(checkpoint|corrupt|Checksum)|"
        r"DataLossError|Unable to load weights from pytorch checkpoint file|"
        r"you may have a git-lfs|You seem to have cloned a repository without having git-lfs",
        weight=62,
    ),
)

_NAN = (
    rule("nan_loss", r"Invalid loss, terminating training", weight=61),
    rule(
        "nan_loss",
        r"(?i)\b(loss|grad(ient)?s?|cost|objective|perplexity|metric|logits?|activation|output|"
        r"weight|elbo|reward)\w*\b[^\n]{0,60}?(?<![\w/.-])(nan|inf|infinite|infinity|"
        r"non-?finite|not (a )?finite|diverged)\b(?![\w/.-])|"
        r"(?<![\w/.-])(nan|non-?finite|infinite|inf)(s)?( or inf\w*)?( values?)?"
        r"( detected| found| encountered| produced| occurred)?"
        r"( in| for| at)?( the)? (\w+ )?(loss|grad\w*|weights?|parameters?|activations?|outputs?|"
        r"logits|local grad norm)\b|"
        r"(?i:loss (has )?(diverged|exploded|became nan))",
        weight=60,
    ),
    rule(
        "nan_loss",
        r"returned nan values in its \d+th output|(?i:\bnan\b.{0,20}encountered)|"
        r"FloatingPointError: .*(nan|inf|loss|scale|invalid value|overflow|divide|diverg)|"
        r"Tensor had (NaN|Inf)|found (NaN|Inf|invalid values?: tensor\(\[+nan)|"
        r"but found invalid values|is non-finite, so it cannot be clipped|"
        r"Current loss scale already at minimum|Minimum loss scale reached|"
        r"(?i:contains? (nan|inf\w*)\b)|"
        r"Detected (nan|inf)|loss=(nan|inf)\b.*(stop|abort|exit)|probability tensor contains|"
        r"(?i:(is|are|became|was|got|=) (nan|inf|not finite|infinite)\b.*(stop|abort|exit|halt))|"
        r"converged? to nan|array must not contain infs or NaNs|"
        r"SVD did not converge|loss is not finite|Gradient overflow.*abort|"
        r"The loss returned in `training_step` is",
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
        r"Class values must be (smaller than|non-negative)|Received a label value of -?\d+ which "
        r"is outside the valid range|y contains previously unseen labels|"
        r"all elements of (input|target) should be between 0 and 1|"
        r"(labels?|targets?|class(es| ind\w+)?)\b.{0,40}(out of (range|bounds)|outside)|"
        r"Invalid classes inferred from unique values|"
        r"Detected the following values in `(target|preds)`|"
        r"The highest label in `target` should be smaller|label must be in \[0",
        weight=61,
    ),
    rule(
        "tokenizer_config_mismatch",
        r"index out of range in self|Asking to pad but the tokenizer does not have a padding token|"
        r"tokenizer does not have a (padding|pad|chat|mask) ?\w*|"
        r"Cannot handle batch sizes > 1 if no padding token is defined|"
        r"Token indices sequence length is longer|add_special_tokens.*pad_token|"
        r"(input|token)_?ids? .*(vocab|embedding).*(size|range|exceed|beyond)|"
        r"vocab(ulary)?_?\s?size.*(mismatch|does not match|differ)|"
        r"tokenizer\.chat_template is not set|The tokenizer has no (padding|mask)|"
        r"Unable to create tensor, you should probably activate truncation|"
        r"(sequence|input) length.{0,40}(exceeds|longer than|greater than).{0,40}(max|position)",
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
        r"shapes? .*cannot be multiplied|The size of tensor a \(\d+\) must match|"
        r"shape '?\[.*\]'? is invalid for input of size|Sizes of tensors must match|"
        r"stack expects each tensor to be equal size|Expected input batch_size \(\d+\) to match|"
        r"could not (be )?broadcast|cannot be broadcast|"
        r"to have \d+ channels, but got \d+ channels|Expected more than 1 value per channel when "
        r"training|Using a target size .* that is different|"
        r"incompatible with the layer: |Expected \d[\w-]*D .*input|[Dd]imension out of range|"
        r"expected \w* ?(input|tensor|hidden\[\d\]).*(size|dim|shape).*got|size mismatch, got|"
        r"size mismatch,|The expanded size of the tensor|Given (groups|normalized_shape)=|"
        r"incompatible shapes|Incompatible shapes|incompatible dimensions|"
        r"[Ss]hapes? .*(must be|not) (equal|compatible|aligned|match|broadcast)|"
        r"shapes? .* (are|is) (incompatible|not aligned)|shape mismatch|"
        r"operands could not be broadcast|setting an array element with a sequence|"
        r"(mismatch|mismatched) (in|of)? ?(shape|dimension|its core dimension)|"
        r"Trying to resize storage that is not resizable|"
        r"dot_general requires contracting dimensions|must have (the same|equal) shapes?|"
        r"inconsistent (numbers? of samples|shape)|tensors used as indices|"
        r"batch[12] must be a 3D|Expected size for first two dimensions|"
        r"input\.size\(-1\) must be equal to input_size|"
        r"Kernel size can't be greater than actual input size|Cannot reshape a tensor|"
        r"cannot reshape array of size|too many indices for (tensor|array)|"
        r"The shape of the mask .* does not match|only batches of spatial targets supported|"
        r"Calculated padded input size per channel|the number of dimensions? .*must|"
        r"matmul: Input operand|Matrix size-incompatible|embed_dim must be divisible by|"
        r"hidden_size.*(divisible|multiple)|X has \d+ features, but .* is expecting|"
        r"weight tensor should be defined either for all|mul got incompatible shapes|"
        r"dimensions? of the input .* must match|All input arrays .* must have the same|"
        r"inputs? have incompatible|Arguments? `?target`? and `?output`? must have the same shape|"
        r"output with shape .* doesn't match the broadcast shape|"
        r"einsum\(\).*(subscript|operand)|must match the existing size|"
        r"must have the same first dimension|multi-target not supported|"
        r"inconsistent tensor size|shape of .* must be",
        weight=56,
    ),
    rule(
        "dtype_mismatch",
        r"must have the same dtype|expected scalar type \w+ but found \w+|"
        r"[Ee]xpected (dtype|scalar type|m1 and m2|mat1 and mat2|tensor for argument)|"
        r"not implemented for '(Half|BFloat16|Long|Int|Bool|Float|Double|Char|Byte|"
        r"ComplexFloat|Float8_e4m3fn)'|"
        r"result type \w+ can't be cast to|Found dtype \w+ but expected \w+|"
        r"[Ii]nput type \(.*\) and (bias|weight) type \(.*\) should be the same|"
        r"Attempting to unscale FP16 gradients|Input dtype should be|Index put requires the source "
        r"and destination dtypes match|can't be cast to the desired output type|"
        r"Got unsupported ScalarType BFloat16|tensors used as indices must be long|"
        r"only Tensors of floating point( and complex)? dtype can require gradients|"
        r"mean\(\): could not infer output dtype|"
        r"query, key, and value to have the same dtype|dtypes? (mismatch|do(es)? not match)|"
        r"can't convert np\.ndarray of type numpy\.object_|"
        r"FlashAttention only support(s)? fp16 and bf16|"
        r"[Uu]nsupported dtype|requires \w+ of (equal|the same) dtypes?|dtype .* but got|"
        r"cannot compute \w+ as input #\d+.* was expected to be a|"
        r"(grad requires real-valued inputs|requires float inputs)|"
        r"expected to be of (floating|integer) (point )?(data ?)?type|"
        r"0D or 1D target tensor expected|expected .*(dtype|type) .*\b(got|found)\b",
        weight=57,
    ),
    rule(
        "ddp_unused_parameters",
        r"Expected to have finished reduction in the prior iteration|parameters that were not used "
        r"in producing (the )?loss|find_unused_parameters=True|Parameter indices which did not "
        r"receive grad|have parameters that were not used",
        weight=63,
        shown=Shown.RAISED,
    ),
    rule(
        "user_code_error",
        r"element 0 of tensors does not require grad|Trying to backward through the graph a second "
        r"time|modified by an inplace operation|leaf Variable that requires grad|"
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
