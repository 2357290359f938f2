"""Python itself: imports, files, arguments, keys, checks, and errors in the user's code.

These rules are asked last: what an exception's type alone shows has the least weight.
"""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import rule

_LIBRARIES = (
    r"(torch|torchvision|torchaudio|numpy|np|pandas|pd|scipy|sklearn|transformers|datasets|"
    r"tokenizers"
    r"|accelerate|peft|trl|diffusers|huggingface_hub|lightning|pytorch_lightning|torchmetrics|"
    r"keras|"
    r"tensorflow|tf|jax|jaxlib|flax|optax|PIL|cv2|matplotlib|collections|inspect|gym|gymnasium|"
    r"wandb|mlflow|ray|optuna|deepspeed|apex|fairseq|timm|albumentations|pydantic|omegaconf|hydra|"
    r"networkx|nltk|spacy|gensim|xgboost|lightgbm|imageio|skimage|librosa|asyncio|importlib|typing|"
    r"distutils|pkg_resources|setuptools|torchtext|seaborn|attr|yaml|requests|urllib3|protobuf|"
    r"google|sentence_transformers|bitsandbytes|triton|xformers|evaluate|numba|cupy)"
)

_IMPORTS = (
    rule(
        "api_change",
        rf"ImportError: cannot import name '(?P<name>\w+)' from "
        rf"'(?P<module>{_LIBRARIES}(\.[\w.]+)?)'",
        "{module} has no {name} in the installed version.",
        weight=66,
    ),
    rule(
        "api_change",
        r"ModuleNotFoundError: No module named '(?P<module>torch\._six|"
        r"pytorch_lightning\.(metrics|callbacks\.progress\.base)|"
        r"transformers\.(modeling_bert|tokenization_bert|modeling_utils_\w+|configuration_bert|"
        r"file_utils|deepspeed|generation_utils|optimization_tf)|tensorflow\.(contrib|"
        r"python\.keras)|"
        r"keras\.(utils\.np_utils|layers\.\w+|preprocessing\.\w+)|sklearn\.(externals|"
        r"cross_validation)|"
        r"scipy\.misc\.\w+|datasets\.tasks|distutils|imp|torchtext\.legacy|numpy\.lib\.\w+|"
        r"torchvision\.transforms\.functional_tensor|lightning_fabric\.utilities\.\w+|"
        r"huggingface_hub\.(snapshot_download|hf_api\.\w+)|asyncore|pkg_resources|"
        r"torch\.(utils\.ffi|cuda\.amp\.\w+))'",
        "The installed version has no module {module}.",
        weight=67,
    ),
    rule(
        "module_not_found",
        r"ModuleNotFoundError: No module named '(?P<module>[\w.]+)'|"
        r"ImportError: No module named '?(?P<old>[\w.]+)'?|"
        r"^\S*python\S*: No module named (?P<started>[\w.]+)|"
        r"Error while finding module specification for '(?P<spec>[\w.]+)'",
        "A module that the program imports is not installed in its environment: {module}{old}"
        "{started}{spec}.",
        weight=60,
    ),
    rule(
        "user_code_error",
        r"\(most likely due to a circular import\)|partially initialized module",
        "Two modules import each other.",
        weight=67,
    ),
    rule(
        "user_code_error",
        r"ImportError: cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'",
        "{module} has no {name}.",
        weight=45,
    ),
    rule(
        "user_code_error",
        r"attempted relative import (with no known parent package|beyond top-level package)",
        "A relative import outside of a package.",
        fix="Start it as a module: python -m package.module.",
        weight=60,
    ),
)

_FILES = (
    rule(
        "command_not_found",
        r"FileNotFoundError.*No such file or directory: '(?P<name>[^'/]+)'",
        "The command {name} does not exist on the PATH.",
        weight=58,
        shown=Shown.RAISED,
        frame=r"/subprocess\.py",
    ),
    rule(
        "file_not_found",
        r"(FileNotFoundError|NotADirectoryError|IsADirectoryError)\b.*['\"](?P<file>[^'\"]+)['\"]",
        "{file} does not exist, or is not of the kind that the program expects.",
        weight=52,
    ),
    rule(
        "file_not_found",
        r"FileNotFoundError\b|NotADirectoryError|IsADirectoryError|"
        r"\[Errno 2\] No such file or directory|No such file or directory|"
        r"(Unable to open|[Cc]annot open|[Cc]ould not open|Failed to open) (file|dataset)?.*"
        r"(No such file|does not exist)|FileExistsError.*No such|"
        r"(path|file|directory|dir|folder|checkpoint|dataset)\b.{0,120}(does not exist|"
        r"doesn't exist|"
        r"not found|do not exist)|NotFoundError: .*(file|path|No such)",
        weight=47,
    ),
    rule(
        "permission_denied",
        r"PermissionError|\[Errno 13\]|\[Errno 1\] Operation not permitted|"
        r"[Pp]ermission denied|Read-only file system|\[Errno 30\]|EACCES|\(os error 13\)",
        weight=51,
    ),
)

_ARGUMENTS = (
    rule(
        "cli_argument",
        r"^\S+( \S+)?: error: (?P<what>(unrecognized arguments|argument |"
        r"the following arguments are "
        r"required|ambiguous option|one of the arguments|invalid choice|expected|too few|no such "
        r"option|not allowed).*)",
        "The command line is wrong: {what}.",
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "cli_argument",
        r"^\S+( \S+)?: error: \S.*|^Error: (No such (option|command)|Invalid value|"
        r"Missing (option|argument|"
        r"parameter)|Got unexpected extra argument|Option .* requires|Unexpected|Illegal)|"
        r"unrecognized (arguments|option)|[Uu]nknown command line flag|FATAL Flags parsing error|"
        r"Some specified arguments are not used by the HfArgumentParser|"
        r"ERROR: Could not consume arg|[│|] (No such option|Invalid value for|Missing (option|"
        r"argument))|"
        r"^(\S+: )?(invalid|illegal|unknown|unrecognized) option|"
        r"error: unexpected argument|flags\.\w*Error|Unknown argument",
        weight=57,
        shown=Shown.LINE,
    ),
    rule(
        "cli_argument",
        r"Some specified arguments are not used by the HfArgumentParser|UsageError: |NoSuchOption|"
        r"UnrecognizedFlagError|IllegalFlagValueError|BadParameter",
        weight=60,
    ),
)

_MORE = (
    rule(
        "env_variable_missing",
        r"KeyError: '(?P<name>[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|RANK|HOME|USER)'",
        "The environment variable {name} is not set.",
        weight=62,
        shown=Shown.RAISED,
    ),
    rule(
        "env_variable_missing",
        r"(?i)environment variable '?\"?`?(?P<name>\w+)'?\"?`? (is |must be |was |has )?(not|un|"
        r"missing|"
        r"required|set|been)|(?P<other>\b[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b (is |must be |was )?"
        r"(not set|unset|missing|required in)|(?-i:(please )?set (the )?(env\w* variable )?"
        r"\$?[A-Z]+_[A-Z_]+ )",
        "An environment variable is not set.",
        weight=58,
    ),
    rule(
        "api_change",
        rf"AttributeError: module '(?P<module>{_LIBRARIES}(\.[\w.]+)?)' has no attribute "
        rf"'(?P<name>\w+)'|"
        r"AttributeError: `(?P<np>np\.\w+)` was removed|"
        r"was removed in (the )?(NumPy|numpy|version|v?\d|Keras|pandas)|"
        r"(has been|is|was) (removed|renamed)( in| to| from| since)|no longer supported|"
        r"is deprecated and (was|has been) removed|"
        r"'(DataFrame|Series|Index)' object has no attribute '(append|iteritems|ix|as_matrix|mad|"
        r"get_value|swaplevel|applymap)'|"
        r"unexpected keyword argument '(evaluation_strategy|tokenizer|verbose|"
        r"progress_bar_refresh_rate|"
        r"gpus|checkpoint_callback|weights_summary|use_auth_token|squeeze|error_bad_lines|"
        r"per_gpu_train_batch_size|no_cuda|lr|sparse|line_terminator|auto_lr_find|"
        r"resume_from_checkpoint|terminate_on_nan|reload_dataloaders_every_epoch|multiclass|normed|"
        r"interpolation|pretrained|is_split_into_words|overwrite_output_dir|mean_resizing|"
        r"device_map|torch_dtype|trust_remote_code|max_seq_length|dataset_text_field|"
        r"num_workers_old)'|"
        r"'\w*(Tokenizer|Trainer|Trainer\w*|Generator|FreeTypeFont|ImageDraw|Axes\w*|"
        r"Sequential)\w*' object "
        r"has no attribute '\w+'|"
        r"APIRemovedIn|has been replaced by|use `[\w.]+` instead",
        "A library has no such name or argument in the installed version.",
        weight=58,
    ),
    rule(
        "config_value",
        r"OptionalDependencyNotAvailable|"
        r"\d+ validation errors? for \w+|pydantic\S*ValidationError|"
        r"is not (in list|a valid \w+|one of|supported|recognized|a supported)|"
        r"([Uu]nknown|[Uu]nsupported|[Ii]nvalid|[Uu]nrecognized|[Bb]ad) [\w-]*(optimizer|"
        r"scheduler|model|"
        r"loss|activation|precision|backend|mode|value|choice|type|strategy|option|setting|dataset|"
        r"architecture|device|name|learning rate|lr|beta|eps|momentum|weight_decay|argument|"
        r"config\w*|"
        r"parameter|split|task|reduction)\w*|must be (one of|positive|in (the )?(range|\[|\()|"
        r"between|at "
        r"least|greater|less|smaller|larger|a positive|an? (int|float|str)\w*|non-negative|>|<|set|"
        r"divisible|a multiple|either|even|specified|an integer)|"
        r"(should|has to|needs to|must) be (>|<|in |between|one of|a (positive|multiple)|"
        r"divisible|set|"
        r"an? \w+ (number|value)|either|greater|less|strictly|specified|provided)|"
        r"(is not|isn't|not) divisible by|"
        r"[Ee]xpected (one of|a value|.* to be (in|one of|positive))|out of (the )?(valid|"
        r"allowed) range|"
        r"not in (the )?(allowed|valid|supported) (values|choices|range|\w+)|"
        r"(mutually exclusive|cannot be used (together|with)|are incompatible|incompatible with|"
        r"can't be (both|used)|not compatible|requires .* to be|only (works|valid|"
        r"supported) (with|for))|"
        r"MisconfigurationException|Could not interpret \w+ identifier|"
        r"(choose|available|valid|possible|allowed|supported) (from|options|choices|values|are|"
        r"models)|"
        r"but got|needs? a .*(value|number)|load_best_model_at_end requires|"
        r"got an unexpected value|is greater than the|is larger than the|exceeds the",
        weight=42,
        shown=Shown.RAISED,
    ),
    rule(
        "interrupted",
        r"^(\[rank\d+\]: )?KeyboardInterrupt\b",
        "It was interrupted (SIGINT), as by Ctrl-C.",
        weight=24,
        shown=Shown.RAISED,
    ),
    rule(
        "user_code_error",
        r"(SyntaxError|IndentationError|TabError): (?P<what>.+)",
        "Python cannot parse the code: {what}.",
        weight=61,
    ),
    rule(
        "data_key_missing",
        r"KeyError: (?P<key>.+)|['\"](?P<column>[^'\"]+)['\"] not in index|not found in axis|"
        r"None of \[.*\] are in the \[(columns|index)\]|"
        r"Column(s)? .*(not|doesn't|don't|do not) (in|exist|found)|Usecols do not match columns|"
        r"columns? .*(missing|not found|not present|does not exist)|"
        r"Missing column provided to 'parse_dates'|No columns in the dataset match the model|"
        r"FieldRef\.Name.* No match|Invalid (key|field): .* (is )?not (in|a)|"
        r"[Ff]ield \"?'?\w+'?\"? (does not exist|not found)|ColumnNotFoundError",
        "A key or column that the code expects does not exist: {key}{column}.",
        weight=44,
    ),
    rule(
        "user_code_error",
        r"(ZeroDivisionError|NameError|UnboundLocalError|IndexError|RecursionError|StopIteration|"
        r"AttributeError|TypeError|NotImplementedError|OverflowError|"
        r"UnicodeEncodeError): (?P<what>.+)",
        "An error in the code: {what}.",
        weight=22,
        shown=Shown.RAISED,
    ),
    rule(
        "user_assertion",
        r"(?P<type>AssertionError)\b(: (?P<what>.+))?",
        "A check in the code failed.",
        weight=21,
        shown=Shown.RAISED,
        own=True,
    ),
    rule(
        "user_assertion",
        r"^(\[\w+\]:? ?)?(ValueError|RuntimeError|Exception|SystemError): (?P<what>.+)",
        "The code refused to continue: {what}",
        weight=20,
        shown=Shown.RAISED,
        own=True,
    ),
)

RULES: tuple[CauseRule, ...] = (*_IMPORTS, *_FILES, *_ARGUMENTS, *_MORE)
