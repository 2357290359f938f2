"""Libraries with errors of their own: Hydra, hubs, proxies, W&B, data sets, binary packages."""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import hint, rule

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
        r"ExpiredToken)\)",
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
        r"(?i)GatedRepoError|You are trying to access a gated repo|401 Client Error|"
        r"403 Client Error: Forbidden.*(huggingface|hf\.co)|Invalid (user|username or) ?token|"
        r"Invalid username or password|Access to (model|dataset) \S+ is restricted|"
        r"Your request to access .* is awaiting|You (need|must) "
        r"(to )?(be authenticated|log ?in|have access)|LocalTokenNotFoundError|Token is required|"
        r"is a gated (repo|model|dataset)|Cannot access gated repo|401 Unauthorized|"
        r"Repository Not Found for url|RepositoryNotFoundError|pass a token having permission|"
        r"is not a local folder and is not a valid model identifier",
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
        r"Couldn't find a dataset script at",
        weight=60,
    ),
    rule(
        "file_not_found",
        r"Entry ?Not ?Found|does not appear to have (a|any) file(s)? named|"
        r"Can't find a valid checkpoint at|Couldn't find any data file at|"
        r"Unable to find '.*'( in| at)?|Repo id must be in the form|"
        r"Error no file named .* found in directory|Can't load "
        r"(the )?(\w+ )?(tokenizer|config|model|feature extractor|image processor)\S* for|"
        r"Incorrect path_or_model_id|OSError: \S+ not found|RevisionNotFoundError|"
        r"(Provided|given) path .* (does not|doesn't) exist|Couldn't find .* at \S+|"
        r"Found 0 (files|images) in|Couldn't find any class folder|"
        r"Found no valid file for the classes|Dataset not found( or corrupted)?\.|"
        r"DatasetNotFoundError|DataFilesNotFoundError|No valid checkpoint found|"
        r"Checkpoint (file |at )?\S* (not found|does not exist)|NoSuchKey|NoSuchBucket|"
        r"An error occurred \(404\)|404 Client Error|"
        r"HTTP Error 404",
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
        r"compiled for (a different|another) version|detected CUDA version .*mismatches the "
        r"version|(torch|transformers|accelerate|peft|bitsandbytes|keras|numpy|scipy)\S* "
        r"?(>=|==|<=|<) ?[\d.]+.*(is )?required|[Rr]equires (the latest|`?\w+`? ?(>=|==|<))|"
        r"Failed to import .*binary incompatib|DLL load failed|ABI version|"
        r"initialization of _\w+ raised unreported exception|undefined symbol",
        weight=61,
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
        r"(To|In order to) use .*(you (need|must)|please) (to )?(install|have)|"
        r"[Pp]lease (pip )?install (?P<package>[\w\[\]-]+)|`?pip install [\w\[\]-]+`?|"
        r"Missing optional dependency '(?P<optional>\w+)'|(is not|doesn't seem to be|isn't) "
        r"installed|Using .* requires .*(: |install)|Could not import (?P<mod>\w+)|"
        r"the package .* (is|was) not (found|installed)|Unable to find a usable engine; tried "
        r"using|No module named \S+",
        weight=53,
        shown=Shown.RAISED,
    ),
    rule(
        "cuda_library_missing",
        r"lib\w+\.so[\w.]*: cannot open shared object file",
        "The loader cannot find a shared library.",
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
        r"JSONDecodeError|(json\.)?decoder\.JSONDecodeError|'utf-?8' codec can't decode|"
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
        r"EmptyDataError|No columns to parse|invalid literal for int|Unable to parse string|"
        r"Failed to interpret file|Cannot load file containing pickled data|truncated record at|"
        r"OSError: unrecognized data stream",
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
