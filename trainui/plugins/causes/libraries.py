"""What libraries raise: of tensors and checkpoints, and Hydra, hubs, proxies, W&B, data sets.

Also NaN and infinite losses, and binary packages that do not fit the machine.
"""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import hint, rule

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
        r"EOFError|UnpicklingError|UnicodeDecodeError|KeyError: \d+|unexpected EOF|BadZipFile: ",
        "The file ends too early, or is no checkpoint.",
        weight=59,
        shown=Shown.RAISED,
        frame=r"torch/serialization|_unpickler|pickle\w*\.load|torch\.load\(|safetensors|joblib|"
        r"load_(model|weights|checkpoint)|restore|ckpt|checkpoint",
    ),
    rule(
        "checkpoint_corrupt",
        r"IndexError: pop from empty list",
        "The file is no pickle, or is damaged.",
        weight=59,
        shown=Shown.RAISED,
        frame=r"/pickle\.py|numpy_pickle|_unpickler",
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
        r"not a (valid )?(checkpoint|HDF5) (file|archive)|"
        r"(checkpoint|weights|\.(pt|pth|ckpt|bin|safetensors)\b).{0,80}(corrupt|truncated|"
        r"is empty)|version https://git-lfs|storage has wrong (byte )?size|"
        r"unable to mmap \d+ bytes|Data loss: .*(checkpoint|corrupt|Checksum)|DataLossError|"
        r"Unable to load weights from pytorch checkpoint file|you may have a git-lfs|"
        r"You seem to have cloned a repository without having git-lfs|invalid magic characters",
        weight=62,
    ),
)

_HDF5 = (
    r"Unable to (synchronously )?open (file|object) \((file signature not found|truncated file|bad)"
)
_OF_HDF5 = (
    rule(
        "checkpoint_corrupt",
        _HDF5,
        "The file ends too early, or is no checkpoint.",
        weight=62,
        shown=Shown.RAISED,
        frame=r"load_(model|weights|checkpoint)|restore|ckpt|checkpoint|weights",
    ),
    rule("data_corrupt", _HDF5, "The file ends too early, or is no HDF5 file.", weight=56),
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
        r"FloatingPointError: .*(?i:nan|inf|loss|scale|invalid value|overflow|divide|diverg)|"
        r"Tensor had (NaN|Inf)|found (NaN|Inf|invalid values?: tensor\(\[+nan)|"
        r"^tensor\(\[+(-?[\d.e+-]+, *)*nan|is non-finite, so it cannot be clipped|"
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
        r"y contains previously unseen labels|Found unknown categories \[|"
        r"all elements of (input|target) should be between 0 "
        r"and 1|(labels?|targets?|class(es| ind\w+)?)\b.{0,40}(out of (range|bounds)|outside)|"
        r"Invalid classes inferred from unique values|Detected the following values in "
        r"`(target|preds)`|The highest label in `target` should be smaller|[Ll]abel must be "
        r"(in \[0|discrete values in the range)|Unknown class label: ",
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
        r"Unexpected \w+ shape \(|ParamShapeError|"
        r"shapes? .*cannot be multiplied|The size of tensor a \(\d+\) must match|"
        r"shape '?\[.*\]'? is invalid for input of size|Sizes of tensors must match|"
        r"stack expects each tensor to be equal size|Expected input batch_size \(\d+\) to match|"
        r"could not (be )?broadcast|cannot be broadcast|to have \d+ channels, but got \d+ "
        r"channels|Expected more than 1 value per channel when training|"
        r"Using a target size .* that is different|incompatible with the layer: |"
        r"Expected \d[\w-]*(D|dimensional) .*input|[Dd]imension out of range|"
        r"expected \w* ?(input|tensor|hidden\[\d\]).*(size|dim|shape).*got|size mismatch, got|"
        r"size mismatch,|The expanded size of the tensor|Given (groups|normalized_shape)=|"
        r"logits and labels must be broadcastable|incompatible shapes|Incompatible shapes|"
        r"incompatible dimensions|"
        r"[Ss]hapes? .*(must be|not) (equal|compatible|aligned|match|broadcast)|"
        r"[Ss]hapes? .* (are|is) (incompatible|not aligned)|shape mismatch|"
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
        r"(?i:\bshape of .{0,60}\bis .*, but should be)|hidden_size.*(divisible|multiple)|"
        r"X has \d+ features, but .* is expecting|weight tensor should be defined either for all|"
        r"mul got incompatible shapes|dimensions? of the input .* must match|"
        r"All input arrays .* must have the same|must have the same rank|inputs? have incompatible|"
        r"Arguments? `?target`? and `?output`? must have the same shape|"
        r"output with shape .* doesn't match the broadcast shape|einsum\(\).*(subscript|operand)|"
        r"expected sequence of length \d+ at dim|Invalid input shape for input|"
        r"input has incompatible shape|must match the existing size|"
        r"must have the same first dimension|multi-target not supported|inconsistent tensor size|"
        r"shape of .* must be|Output size is too small|"
        r"Target size .* must be the same as input size|view size is not compatible|"
        r"the number of sizes provided|[Tt]ensors must have (the )?same number of dimensions|"
        r"Number of columns does not match number of features|"
        r"number of features in data \(\d+\) is not the same|"
        r"(dimension|size) mismatch(ed)?\b.*\d|label size and pred size does not match|"
        r"all the input array dimensions except|Length of values \(\d+\) does not match length of|"
        r"[Aa]ll arrays must be of the same length|Expected 2D array, got (1D|scalar) array|"
        r"axis -?\d+ is out of bounds for array of dimension|cannot reshape array of shape|"
        r"Cannot concatenate arrays with shapes|vmap got inconsistent sizes|"
        r"Data cardinality is ambiguous|Computed output size would be zero or negative|"
        r"running_(mean|var) should contain \d+ elements|was expecting embedding dimension of|"
        r"number of dimensions in the tensor input does not match|Expected target size \[|"
        r"Expected hidden size \(|must be batches of square matrices|"
        r"Only 3D, 4D and 5D input Tensors supported|"
        r"Shape inconsistent, Provided|has error dim\.|"
        r"cannot reshape \(|"
        r"[Ii]ncorrect dimensions for matrix multiplication|can't divide axis of length",
        weight=56,
    ),
    rule(
        "dtype_mismatch",
        r"Input type \(torch\.(?P<of>cuda\.)?\w+\) and (weight|bias) type "
        r"\(torch\.(?(of)cuda\.)\w+\) should be the same$",
        weight=58,
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
        r"tensors used as indices must be long|[Oo]nly Tensors of floating point( and complex)? "
        r"dtype can require gradients|mean\(\): could not infer output dtype|"
        r"query, key, and value to have the same dtype|dtypes? (mismatch|do(es)? not match)|"
        r"can't convert np\.ndarray of type numpy\.\w+|"
        r"Cannot perform reduction '\w+' with \w+ dtype|Cannot cast ufunc '\w+' (in|out)put|"
        r"Invalid dtype: str\d*|FlashAttention only support(s)? fp16 and bf16|[Uu]nsupported dtype|"
        r"requires \w+ of (equal|the same) dtypes?|dtype .* but got|"
        r"cannot compute \w+ as input #\d+.* was expected to be a|"
        r"(grad requires real-valued inputs|requires float inputs)|"
        r"expected to be of (floating|integer) (point )?(data ?)?type|"
        r"has type \w+ that does not match|Expected floating point type for target|"
        r"SchemaError: type \S+ is incompatible with expected type|"
        r"0D or 1D target tensor expected|expected .*(dtype|"
        r"(scalar|data|tensor) ?type) .*\b(got|"
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
        r"TracerArrayConversionError|TracerIntegerConversionError|"
        r"truth value of an? (array|Series|DataFrame|Index)\b|"
        r"single positional indexer is out-of-bounds|JAX arrays are immutable|"
        r"Shapes must be 1D sequences of concrete values|Gradient only defined for scalar-output|"
        r"You must call `compile\(\)` before|Invalid key: \d+ is out of bounds for size|"
        r"specify (exactly one of|either) `?input_ids`? or|training requires a train_dataset|"
        r"context has already been set|NotFittedError|instance is not fitted yet|"
        r"\b[Cc]annot call .* before calling|A KerasTensor cannot be used as input|"
        r"Attempted step but _scale is None|Could not infer dtype of \w+|"
        r"TypeError: '(method|function|type|builtin_function_or_method)' object is not ",
        weight=55,
    ),
)

TENSOR_RULES: tuple[CauseRule, ...] = (*_CHECKPOINTS, *_OF_HDF5, *_NAN, *_SHAPES)


_CONFIG = (
    rule(
        "module_not_found",
        r"Error locating target '(?P<target>[^']+)'|Error loading '(?P<other>[^']+)'|"
        r"[\(\"]No module named '(?P<name>[\w.]+)'",
        "What a _target_ or an import names cannot be imported.",
        weight=67,
    ),
    rule(
        "wandb_login",
        r"wandb.*(do not have permission to access|Error 40[13]\b|\(Error 40[13]:)",
        "Weights & Biases refuses access with this API key.",
        fix="Check the entity and the project's name, and `wandb login --relogin`.",
        weight=64,
    ),
    rule(
        "hub_auth",
        r"DefaultCredentialsError|Your default credentials were not found|"
        r"google\.auth\.exceptions\.RefreshError",
        "Google Cloud's storage refuses access: there are no credentials.",
        fix="`gcloud auth application-default login`, or GOOGLE_APPLICATION_CREDENTIALS.",
        weight=60,
    ),
    rule(
        "hub_auth",
        r"Unable to locate credentials|NoCredentialsError|PartialCredentialsError|"
        r"An error occurred \((40[13]|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|"
        r"ExpiredToken)\)|TokenRetrievalError|UnauthorizedSSOTokenError|SSOTokenLoadError|"
        r"Forbidden: 403 \w+ https://storage|does not have storage\.\S+ access|"
        r"curl: \(22\) The requested URL returned error: 40[13]|ERROR 40[13]: ",
        "The object storage refuses access: the credentials are missing, expired or not enough.",
        fix="`aws configure`, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; check "
        "that they may read the bucket.",
        weight=60,
    ),
    rule(
        "version_conflict",
        r"data did not match any variant of untagged enum",
        "The tokenizer's file was written by a newer version of the library.",
        fix="Update transformers and tokenizers to the version that wrote tokenizer.json.",
        weight=60,
    ),
    rule(
        "config_hydra",
        r"Could not override '(?P<key>[^']+)'",
        "The configuration has no key {key}.",
        weight=69,
    ),
    rule(
        "config_hydra",
        r"Could not append to config|Could not load '|In '[^']+': Could not find '|"
        r"You must specify '[^']+', e\.g|Missing mandatory value: |Key '[^']+' is not in struct|"
        r"missing EQUAL at|mismatched input|extraneous input|token recognition error|"
        r"LexerNoViableAltException|no viable alternative at input|"
        r"Interpolation key '[^']+' not found|InterpolationKeyError|InterpolationToMissingValue|"
        r"MissingMandatoryValue|ConfigAttributeError|ConfigKeyError|ConfigCompositionException|"
        r"OverrideParseException|MissingConfigException|Cannot find primary config|"
        r"Primary config (module|directory) .* not found|HydraException|"
        r"Value '.*' (of type '\w+' )?(could not|is not a valid)|ValidationError: Value|"
        r"Key '[^']+' not in '|Ambiguous value for argument|Unable to find or instantiate|"
        r"Multiple values for|Config search path|Unsupported interpolation type|"
        r"UnsupportedInterpolationType|InvalidKindError",
        weight=58,
    ),
    rule(
        "config_hydra",
        r"TypeError: \S+\(\) (got an unexpected keyword argument|missing \d+ required).*",
        "What a _target_ names does not take the arguments that the configuration gives it.",
        fix="Compare the keys beside `_target_` with the arguments of the class or function.",
        weight=23,
        shown=Shown.RAISED,
        frame=r"hydra/|\binstantiate\(",
    ),
    hint(
        "config_hydra",
        r"Could not override '|Missing mandatory value|You must specify '|Could not find '",
        r"Set the environment variable HYDRA_FULL_ERROR=1",
    ),
    rule(
        "yaml_error",
        r"(yaml\.)?(scanner\.ScannerError|parser\.ParserError|reader\.ReaderError|"
        r"constructor\.ConstructorError|composer\.ComposerError)|"
        r"found character '(\\t|\t|%|@|`|.)' that cannot start any token|"
        r"mapping values are not allowed here|could not find expected ':'|found duplicate key|"
        r"while (parsing|scanning) (a|an|the|for)|TOMLDecodeError|"
        r"(json\.decoder\.)?JSONDecodeError: .*(config|yaml)",
        weight=59,
    ),
)

_HUBS = (
    rule(
        "hub_auth",
        r"(?i)GatedRepoError|Could not find kaggle\.json|"
        r"You are trying to access a gated repo|401 Client Error|"
        r"403 Client Error: Forbidden.*(huggingface|hf\.co)|Invalid (user|username or) ?token|"
        r"Invalid username or password|Access to (model|dataset) \S+ is restricted|"
        r"Your request to access .* is awaiting|You (need|must) "
        r"(to )?(be authenticated|log ?in|have access)|LocalTokenNotFoundError|Token is required|"
        r"is a gated (repo|model|dataset)|Cannot access gated repo|401 Unauthorized|"
        r"Repository Not Found for url|RepositoryNotFoundError|pass a token having permission|"
        r"is not a local folder and is not a valid model identifier|"
        r"HfHubHTTPError: .*\b40[13]\b|azure\.\S*ClientAuthenticationError|"
        r"^fatal: could not read Username for |^fatal: Authentication failed for ",
        weight=64,
    ),
    rule(
        "wandb_login",
        r"(?i)api_key not configured|wandb: ERROR .*(api key|api_key|login|logged)|"
        r"No API key configured|wandb\.errors\.\S*: .*(login|api.?key|logged in|No API key)|"
        r"\(no-tty\)|permission denied to access wandb|wandb.*unauthenticated|"
        r"wandb.*(401|relogin)|API key must (be|have) .* characters",
        weight=66,
    ),
    rule(
        "ssl_proxy",
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLCertVerificationError|SSLError\(|"
        r"requests\.exceptions\.SSLError|ProxyError|Cannot connect to proxy|"
        r"Tunnel connection failed: \d+|407 Proxy Authentication|self[- ]signed certificate|"
        r"unable to get local issuer certificate|SSL: WRONG_VERSION_NUMBER|TLSV1_ALERT|"
        r"SSLEOFError|UNEXPECTED_EOF_WHILE_READING|invalid peer certificate",
        weight=65,
    ),
    rule(
        "network_unreachable",
        r"We couldn't connect to '(?P<server>[^']+)'",
        "{server} could not be reached, and the files are not in the cache.",
        weight=63,
    ),
    rule(
        "network_unreachable",
        r"(?i)Temporary failure in name resolution|Name or service not known|getaddrinfo failed|"
        r"Max retries exceeded with url|Network is unreachable|Failed to resolve '|NameResolution|"
        r"LocalEntryNotFoundError|OfflineModeIsEnabled|cannot find the requested files in the "
        r"(disk|local) cache|Couldn't reach|Connection timed out|"
        r"Failed to establish a new connection|(Read|Connect(ion)?)Timeout(Error)?\b|"
        r"NewConnectionError|Cannot send a request|Connection to \S+ timed out|ConnectError|"
        r"<urlopen error|couldn't find it in the cached files|is not cached|"
        r"outgoing traffic has been disabled|No route to host|Cannot reach \S*(\.|host|server|hub)|"
        r"50[0-9] (Server|Gateway)\b.*(Error|url|Time-?out|huggingface)|429 Client Error|"
        r"Too Many Requests|HTTP Error (5\d\d|429)|Could not resolve host|unable to resolve host|"
        r"EndpointConnectionError|wandb.*(CommError|communication).*|"
        r"Couldn't find a dataset script at|ssh: connect to host \S+ port \d+: |"
        r"curl: \(22\) The requested URL returned error: 5\d\d|ERROR 5\d\d: |"
        r"request canceled while waiting for connection",
        weight=60,
    ),
    rule(
        "file_not_found",
        r"Entry ?Not ?Found|does not appear to have (a|any) file(s)? named|"
        r"Can't find a valid checkpoint at|Couldn't find any data file at|"
        r"Unable to find '.*'( in| at)?|Repo id must (be in the form|use)|"
        r"^fatal: repository '.*' does not exist|filename \S+ does not exist|"
        r"unable to open database file|Can't find model '|"
        r"Error no file named .* found in directory|Can't load "
        r"(the )?(\w+ )?(tokenizer|config|model|feature extractor|image processor)\S* for|"
        r"Incorrect path_or_model_id|OSError: \S+ not found|RevisionNotFoundError|"
        r"Resource '?\S+'? not found\.|(Provided|given) path .* (does not|doesn't) exist|"
        r"Couldn't find .* at \S+|"
        r"Found 0 (files|images) in|Couldn't find any class folder|"
        r"Found no valid file for the classes|Dataset not found( or corrupted)?\.|"
        r"DatasetNotFoundError|DataFilesNotFoundError|No valid checkpoint found|"
        r"Checkpoint (file |at )?\S* (not found|does not exist)|NoSuchKey|NoSuchBucket|"
        r"An error occurred \(404\)|404 Client Error|ERROR 404: Not Found|"
        r"curl: \(22\) The requested URL returned error: 404|"
        r"HTTP Error 404|Unable to find file or directory '|azure\.\S*ResourceNotFoundError|"
        r"The specified (blob|container|bucket|key|path) does not exist|"
        r"^CommandException: (No URLs matched|One or more URLs matched no objects)",
        weight=56,
    ),
)

_PACKAGES = (
    rule(
        "version_conflict",
        r"numpy\.(dtype|ufunc) size changed|A module that was compiled using NumPy 1\.x cannot be "
        r"run in|numpy\.core\.multiarray failed to import|_ARRAY_API not found|"
        r"Descriptors cannot (not )?be created directly|Detected (incompatible|mismatched) "
        r"Protobuf|incompatible Protobuf Gencode|undefined symbol: |"
        r"module compiled against (ABI|API) version|Numba needs NumPy|"
        r"\S+(>=|==|<=|<|>|!=|~=)\S+ is required|requires \S+ ?(>=|==|<=|<|!=|~=).*\bbut\b|"
        r"but you have \S+ \S+ which is incompatible|is required for a normal functioning of this "
        r"module|VersionConflict|operator torchvision::nms does not exist|"
        r"Couldn't load custom C\+\+ ops|PyTorch and torchvision (were|was) compiled with "
        r"different CUDA|(jaxlib|jax) (version )?.*(newer|older|incompatible|requires)|"
        r"compiled for (a different|another) version|CUDAMismatchException|"
        r"detected CUDA version .*mismatches the "
        r"version|(torch|transformers|accelerate|peft|bitsandbytes|keras|numpy|scipy)\S* "
        r"?(>=|==|<=|<) ?[\d.]+.*(is )?required|[Rr]equires (the latest|`?\w+`? ?(>=|==|<))|"
        r"Failed to import .*binary incompatib|DLL load failed|ABI version|"
        r"Loaded runtime CuDNN library: .* but source was compiled with|"
        r"cuDNN version incompatibility|"
        r"initialization of _\w+ raised unreported exception|undefined symbol",
        weight=61,
    ),
    hint(
        "version_conflict",
        r"Loaded runtime CuDNN library: .* but source was compiled with",
        r"DNN library|CUDNN_STATUS",
    ),
    hint(
        "version_conflict",
        r"\bwith CUDA \S+ \(you have [\w.+]+\)|was built for .*\byou have\b",
        r"No operator found|(not|n't) (compiled|built?|supported)\b|no kernel|undefined symbol",
        "A library was built for another version of PyTorch, so that its kernels do not load.",
        fix="Install the build of the library that fits the installed PyTorch and Python.",
    ),
    hint(
        "version_conflict",
        r"A module that was compiled using NumPy 1\.x cannot be run in",
        r"numpy|_ARRAY_API|multiarray|Numpy is not available",
    ),
    rule(
        "version_conflict",
        r"does not recognize this architecture|your version of Transformers is out of date",
        "The installed transformers is too old for this model.",
        weight=60,
    ),
    rule(
        "version_conflict",
        r"Numpy is not available|PyTorch \S+ is required|was not found\. .*PyTorch",
        weight=54,
    ),
    rule(
        "module_not_found",
        r"Using the `Trainer` with `PyTorch` requires `(?P<package>[\w-]+)",
        "The Trainer needs {package}, which is not installed in this environment or too old.",
        weight=62,
    ),
    rule(
        "module_not_found",
        r"^ERROR: No matching distribution found for (?P<package>\S+)|"
        r"No solution found when resolving dependencies",
        "pip found no version of a package for this Python and machine: {package}.",
        fix="Check the name, the version, the Python version, and that the index can be reached.",
        weight=55,
        shown=Shown.LINE,
    ),
    rule(
        "module_not_found",
        r"requires the (?P<name>[\w-]+) library but it was not found|"
        r"ImportError: \S+ requires (either )?'(?P<either>[\w-]+)'|"
        r"(To|In order to) use .*(you (need|must)|please) (to )?(install|have)|"
        r"[Pp]lease (pip )?install (?P<package>[\w\[\]-]+)|`?pip install [\w\[\]-]+`?|"
        r"Missing optional dependency '(?P<optional>\w+)'|(is not|doesn't seem to be|isn't) "
        r"installed|Using .* requires .*(: |install)|Could not import (?P<mod>\w+)|"
        r"the package .* (is|was) not (found|installed)|Unable to find a usable engine; tried "
        r"using|No module named \S+|Have you installed the proper package for",
        weight=53,
        shown=Shown.RAISED,
    ),
    rule(
        "cuda_library_missing",
        r"lib\w*(cuda|torch|c10|nvinfer)\w*\.so[\w.]*: cannot open shared object file",
        "The loader cannot find a shared library of PyTorch's or TensorRT's build for CUDA.",
        weight=53,
        shown=Shown.RAISED,
    ),
)

_DATA = (
    rule("file_not_found", r"Error opening '[^']+': System error", weight=56),
    rule("data_corrupt", r"corrupted record at \d+", weight=63),
    rule(
        "data_key_missing",
        r"The model did not return a loss from the inputs, only the following keys: .+?\. "
        r"For reference, the inputs it received are (?P<given>.+?)\.?$",
        "The model got no labels, so that it has no loss: the inputs are {given}.",
        fix="Name the data set's column of labels `labels` (or give `label_names`), and keep it: "
        "`remove_unused_columns=False`.",
        weight=58,
        shown=Shown.RAISED,
    ),
    rule(
        "data_corrupt",
        r"Can't (synchronously )?read data|inflate\(\) failed|"
        r"tar: (Unexpected EOF|Error is not recoverable|This does not look like a tar archive)|"
        r"gzip: .*(unexpected end|not in gzip)",
        weight=54,
    ),
    rule(
        "data_corrupt",
        r"cannot identify image file|image file is truncated|broken (data stream|PNG file)|"
        r"UnidentifiedImageError|Truncated File Read|Corrupt JPEG|Premature end of JPEG|"
        r"premature end of|ArrowInvalid|ParserError: Error tokenizing data|"
        r"JSONDecodeError|(json\.)?decoder\.JSONDecodeError|'(utf-?(8|16|32)|ascii|gbk|gb2312|big5|charmap|"
        r"cp\d+|euc\S+|shift_jis)\S*' codec can't decode|"
        r"Error -3 while decompressing|incorrect (header|data) check|zlib\.error|CRC check failed|"
        r"Not a gzipped file|Compressed file ended before the end-of-stream|bad magic number|"
        r"lzma\.LZMAError|tarfile\.(ReadError|TruncatedHeaderError|EmptyHeaderError)|"
        r"parquet .*(magic bytes|corrupt|footer)|Parquet magic bytes not found|"
        r"Error opening .*(Format not recognised|unknown format)|LibsndfileError|"
        r"corrupted record at \d+|DECORDError|Invalid data found when processing input|"
        r"cannot find (video|audio) stream|"
        r"moov atom not found|Failed to (decode|load|open) (image|audio|video|media|frame)|"
        r"could not decode|[Ii]nvalid (JPEG|PNG|image|audio|video)|decode\w* (failed|error)|"
        r"corrupted? (record|file|image|data|sample|shard|zip)|"
        r"NonMatching(Checksum|Splits\w*)Error|Checksum mismatch|MD5 mismatch|"
        r"cv2\.error: .*(!_src\.empty|empty\(\))|DecompressionBombError|"
        r"Expected \d+ fields in line \d+, saw|is corrupted|could not convert string to float|"
        r"Cannot convert .* to float|"
        r"time data '.*' does not match format|BadZipFile: |not a zip file|"
        r"EmptyDataError|No columns to parse|invalid literal for int|Unable to parse string|"
        r"Failed to interpret file|Cannot load file containing pickled data|truncated record at|"
        r"OSError: unrecognized data stream|Cannot work out file type of|"
        r"EOFError: No data left in file|EOF: reading array|Failed to read all data for array|"
        r"could not convert string '.*' to (float|int)|the number of columns changed from \d+|"
        r"ValueError: Some errors were detected !|ValueError: Expected object or value$|"
        r"DateParseError|OutOfBoundsDatetime|IntCastingNaNError|ComputeError: could not parse `",
        weight=55,
    ),
    rule(
        "data_corrupt",
        r"DatasetGenerationError",
        "A data set could not be prepared.",
        weight=45,
    ),
    rule(
        "data_corrupt",
        r"ValueError: empty range|num_samples should be a positive integer value, but got "
        r"num_samples=0|SchemaInferenceError: .*at least one example|Found array with 0 sample|"
        r"zero-size array|The dataset .* is empty|"
        r"With n_samples=0|zero batches|[Ee]mpty (dataset|dataloader)",
        "The data set is empty.",
        fix="Check the path, the pattern and the filters of the data set.",
        weight=50,
    ),
)

_WARNINGS = (
    rule(
        "unpicklable",
        r"(Can't|cannot|can not|Cannot) (get local object|pickle|be pickled)|PicklingError|"
        r"Can't get attribute|it's not the same object as|Could not serialize|"
        r"no default __reduce__ due to non-trivial __cinit__",
        weight=62,
    ),
    rule(
        "no_output",
        r"^\s*(Nothing to do|No (files|inputs|samples|items) (found|to process))",
        weight=15,
        shown=Shown.LINE,
    ),
)

RULES: tuple[CauseRule, ...] = (*_CONFIG, *_HUBS, *_PACKAGES, *_DATA, *_WARNINGS)
