"""Python itself: imports, files, arguments, keys, checks, and errors in the user's code.

These rules are asked last: what an exception's type alone shows has the least weight.
"""

from __future__ import annotations

from trainui.plugin import CauseRule, Shown
from trainui.plugins.causes.catalogue import rule

_LIBRARIES = (
    r"(torch|torchvision|torchaudio|numpy|np|pandas|pd|scipy|sklearn|transformers|datasets|"
    r"tokenizers|accelerate|peft|trl|diffusers|huggingface_hub|lightning|pytorch_lightning|"
    r"torchmetrics|keras|tensorflow|tf|jax|jaxlib|flax|optax|PIL|cv2|matplotlib|collections|"
    r"inspect|gym|gymnasium|wandb|mlflow|ray|optuna|deepspeed|apex|fairseq|timm|albumentations|"
    r"pydantic|omegaconf|hydra|networkx|nltk|spacy|gensim|xgboost|lightgbm|imageio|skimage|"
    r"librosa|asyncio|importlib|typing|distutils|pkg_resources|setuptools|torchtext|seaborn|attr|"
    r"yaml|requests|urllib3|protobuf|google|sentence_transformers|bitsandbytes|triton|xformers|"
    r"evaluate|numba|cupy)"
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
        r"file_utils|deepspeed|generation_utils|optimization_tf)|"
        r"tensorflow\.(contrib|python\.keras)|keras\.(utils\.np_utils|layers\.\w+|"
        r"preprocessing\.\w+)|sklearn\.(externals|cross_validation)|scipy\.misc\.\w+|"
        r"datasets\.tasks|distutils|imp|torchtext\.legacy|numpy\.lib\.\w+|"
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
        r"\[Errno 2\] No such file or directory|^(?!(rm|rmdir|ls|cat|cp|mv|cd|tar|head|tail): )"
        r"(?!.*shared object file).*No such file or directory|"
        r"^(\S+ \S+ )?open (?P<of_go>\S+): no such file or directory$|"
        r"(Unable to open|[Cc]annot open|[Cc]ould not open|Failed to open) "
        r"(?!shared object)(file|dataset)?.*(No such file|does not exist)|FileExistsError.*No such|"
        r"(?i:^(?!.*(KeyError|\b(columns?|keys?|fields?|features?|attributes?|parameters?|class|"
        r"arguments?|layers?|tensors?|labels?|splits?)\b)).*"
        r"\b(path|file|directory|dir|folder|checkpoint|dataset|data|"
        r"shard)\b.{0,120}(does not exist|doesn't exist|(?<!command )not found|do not exist))|"
        r"NotFoundError: .*(file|path|No such)|^MissingInputException in |"
        r"could not open image .*no such file or directory",
        weight=47,
    ),
    rule(
        "permission_denied",
        r"PermissionError|\[Errno 13\]|\[Errno 1\] Operation not permitted|[Pp]ermission denied|"
        r"Read-only file system|\[Errno 30\]|EACCES|\(os error 13\)",
        weight=51,
    ),
)

_ARGUMENTS = (
    rule(
        "cli_argument",
        r"^\S+( \S+)?: error: (?P<what>(unrecognized arguments|argument |"
        r"the following arguments are required|ambiguous option|one of the arguments|"
        r"invalid choice|expected|too few|no such option|not allowed).*)",
        "The command line is wrong: {what}.",
        weight=66,
        shown=Shown.LINE,
    ),
    rule(
        "cli_argument",
        r"^(?!(grep|ls|cp|mv|rm|tar|find|sed|awk|head|tail|sort|date|xargs|wc|df|du): )"
        r"(?:Error: (No such (option|command)|Invalid value|"
        r"Missing (option|argument|parameter)|Got unexpected extra argument|Option .* requires|"
        r"Unexpected|Illegal)|.*([Uu]nrecognized (arguments|options?)|"
        r"[Uu]nknown command line flag)|"
        r"error: (Parser|Configuration) key|"
        r".*(FATAL Flags parsing error|ERROR: Could not consume arg)|"
        r".*[│|] (No such option|Invalid value for|Missing (option|argument))|"
        r"(\S+: )?(invalid|illegal|unknown|unrecognized) option|.*error: unexpected argument|"
        r".*(flags\.\w*Error|Unknown argument))",
        weight=57,
        shown=Shown.LINE,
    ),
    rule(
        "cli_argument",
        r"^(?!\S+[:(]\d)[\w./-]+( [\w-]+)?: error: \S.*",
        codes=(2,),
        weight=57,
        shown=Shown.LINE,
    ),
    rule("cli_argument", r"^[Uu]sage: \S", codes=(2, 64), weight=30, shown=Shown.LINE),
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
        frame=r"\bos\b|environ|getenv",
    ),
    rule(
        "env_variable_missing",
        r"(?i)environment variable '?\"?`?(?P<name>\w+)'?\"?`? "
        r"(is |must be |was |has )?(not|un|missing|required|set|been)|"
        r"(?P<other>\b[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b (is |must be |was )?(not set|unset|missing|"
        r"required in)(?!.*[;,])|(?-i:(please )?set (the )?(env\w* variable )?\$?[A-Z]+_[A-Z_]+ )",
        "An environment variable is not set.",
        weight=58,
    ),
    rule(
        "api_change",
        rf"AttributeError: module '(?P<module>{_LIBRARIES}(\.[\w.]+)?)' has no attribute "
        rf"'(?P<name>\w+)'|"
        r"AttributeError: `(?P<np>np\.\w+)` was removed|was removed in "
        r"(the )?(NumPy|numpy|version|v?\d|Keras|pandas)|(has been|is|was) "
        r"(removed|renamed)( in| to| from| since)|no longer supported|"
        r"Argument\(s\) not recognized: \{'(lr|decay)'|"
        r"deprecated since version \S+ and is now removed|"
        r"is deprecated (and (was|has been) removed|in the new Keras optimizer)|"
        r"'(DataFrame|Series|Index)' object has no attribute '(append|"
        r"iteritems|ix|as_matrix|mad|get_value|swaplevel|applymap)'|"
        r"unexpected keyword argument '(evaluation_strategy|"
        r"progress_bar_refresh_rate|checkpoint_callback|weights_summary|use_auth_token|"
        r"squeeze|error_bad_lines|per_gpu_train_batch_size|no_cuda|line_terminator|"
        r"auto_lr_find|resume_from_checkpoint|terminate_on_nan|reload_dataloaders_every_epoch|"
        r"multiclass|normed|is_split_into_words|overwrite_output_dir|"
        r"mean_resizing|early_stopping_rounds|base_estimator|min_impurity_split|device_map|"
        r"torch_dtype|trust_remote_code|max_seq_length|"
        r"dataset_text_field|num_workers_old)'|"
        r"[A-Z]\w*(\.__init__)?\(\) got an unexpected keyword argument "
        r"'(tokenizer|verbose|gpus|lr|sparse|interpolation|pretrained)'|"
        r"'(\w+Tokenizer(Fast)?|\w*Trainer|Generator|FreeTypeFont|ImageDraw|"
        r"Axes\w*)' object has no "
        r"attribute '\w+'(?!.*Did you mean)|'Sequential' object has no attribute 'predict_(classes|"
        r"proba)'|"
        r"APIRemovedIn",
        "A library has no such name or argument in the installed version.",
        weight=58,
    ),
    rule(
        "config_value",
        r"could only be specified|NameNotFound: Environment|"
        r"libs/options/|for Parameter \w+ |Check failed: \(\w+\) [<>]|is invalid\. Allowed|"
        r"[Uu]nknown objective|is not a multiple of|only supports .* as |must hold, but got|"
        r"[Ii]nvalid filepath extension|conditioned on metric .* which is not available|"
        r"cannot be (greater|larger|less|smaller) than the|"
        r"BuilderConfig '.*' not found|(should|has to|needs to) be (a )?(non-negative|positive)|"
        r"\d+ validation errors? for \w+|pydantic\S*ValidationError|"
        r"is not (in list|a valid \w+|one of|supported|recognized|a supported)|"
        r"([Uu]nknown|[Uu]nsupported|[Ii]nvalid|[Uu]nrecognized|[Bb]ad) "
        r"[\w-]*(optimizer|scheduler|model|loss|activation|precision|backend|mode|value|choice|"
        r"type|strategy|option|setting|dataset|architecture|device|name|learning rate|lr|beta|eps|"
        r"momentum|weight_decay|argument|config\w*|parameter|split|task|reduction)\w*|"
        r"must be (one of|positive|in (the )?(range|\[|\()|between|at least|greater|less|smaller|"
        r"larger|a positive|an? (int|float|str)\w*|non-negative|>|<|set|divisible|a multiple|"
        r"either|even|specified|an integer)|(should|has to|needs to|must) be "
        r"(>|<|in |between|one of|a (positive|multiple)|divisible|set|an? \w+ (number|value)|"
        r"either|greater|less|strictly|specified|provided)|(is not|isn't|not) divisible by|"
        r"[Ee]xpected (one of|a value|.* to be (in|one of|positive))|"
        r"out of (the )?(valid|allowed) range|not in (the )?(allowed|valid|supported) "
        r"(values|choices|range|\w+)|(mutually exclusive|cannot be used (together|with)|"
        r"are incompatible|incompatible with|can't be (both|used)|not compatible|"
        r"requires .* to be|only (works|valid|supported) (with|for))|MisconfigurationException|"
        r"Could not interpret [\w ]+ identifier|supports only .* penalties|"
        r"resulting train set will be empty|Cannot have number of splits|"
        r"probabilities do not sum to 1|Cannot take a larger sample than population|"
        r"(choose|available|valid|possible|allowed|supported) "
        r"(from|options|choices|values|are|models)|integer value, but got|"
        r"to satisfy the constraint|doesn't have a parameter named|"
        r"needs? a .*(value|number)|load_best_model_at_end requires|got an unexpected value|"
        r"not found in the base model|"
        r"No (configurable|registered \w+) matching|MDB_MAP_FULL|"
        r"No (section|option):? '\w+'|Nesterov momentum requires|option needs num_workers > 0|"
        r"Sum of input lengths does not equal|must define either total_steps OR|"
        r"The specified number of total steps is|mode \w+ is unknown!|Unsupported nonlinearity",
        weight=42,
        shown=Shown.RAISED,
    ),
    rule(
        "file_not_found",
        r"Unrecognized model in (?P<place>\S+)\. Should have a `model_type` key",
        "{place} has no config.json, or one without the type of the model.",
        weight=43,
        shown=Shown.RAISED,
    ),
    rule(
        "config_value",
        r"is (greater|larger) than the|exceeds the",
        weight=42,
        shown=Shown.RAISED,
        own=False,
    ),
    rule(
        "config_value",
        r"is not in the \S+ registry|is already registered in|No object named '[^']+' found in '",
        "The configuration names something that is not registered.",
        fix="Check its spelling, and that the module that registers it is imported.",
        weight=58,
        shown=Shown.RAISED,
    ),
    rule("config_value", r"Config validation error$", weight=58, shown=Shown.LINE),
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
        r"None of \[.*\] are in the \[(columns|index)\]|Column(s)? .*(not|doesn't|don't|do not) "
        r"(in|exist|found)|Usecols do not match columns|columns? "
        r".*(missing|not found|not present|does not exist)|"
        r"[Cc]olumn name \S+ not in the dataset|The batch received was empty, your model|"
        r"Missing column provided to 'parse_dates'|No columns in the dataset match the model|"
        r"FieldRef\.Name.* No match|feature_names mismatch|"
        r"feature names (should|must) match|Invalid (key|field): .* (is )?not (in|a)|"
        r"[Ff]ield \"?'?\w+'?\"? (does not exist|not found)|ColumnNotFoundError",
        "A key or column that the code expects does not exist: {key}{column}.",
        weight=44,
    ),
    rule(
        "user_code_error",
        r"(ZeroDivisionError|NameError|UnboundLocalError|IndexError|RecursionError|StopIteration|"
        r"AttributeError|TypeError|NotImplementedError|OverflowError|UnicodeEncodeError)"
        r"(: (?P<what>.+)|$)",
        "An error in the code: {what}.",
        weight=22,
        shown=Shown.RAISED,
        own=True,
    ),
    rule(
        "user_code_error",  # raised in a library: only where the message names what is the user's
        r"(TypeError|AttributeError|NotImplementedError): (?P<what>.*(forward|_step|__getitem__|"
        r"collate\w*|NoneType|required positional argument|required \"forward\"|"
        r"has no len\(\)|is not JSON serializable|before Module\.__init__|"
        r"between instances of|unsupported operand|"
        r"'\w*(Net|Model|Module|Classifier|Encoder|Decoder|Dataset)' object has no attribute).*)",
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
        frame=r" raise\b| $",  # or the source is unknown
    ),
    rule(
        "user_assertion",
        r"^(\w+\.)*(?P<what>[A-Z]\w*(: .+)?)$",
        "The code refused to continue: {what}",
        weight=12,
        shown=Shown.RAISED,
        own=True,
        frame=r" raise\b",
    ),
    rule(
        "user_code_error",
        r"^(\[\w+\]:? ?)?(ValueError|RuntimeError): (?P<what>(too many|not enough) values to unpack"
        r".*|.* arg is an empty sequence|list\.remove\(x\): .*|substring not found|"
        r"dictionary changed size during iteration|.* is not in (the )?list|"
        r"I/O operation on closed "
        r"file.*|generator .*)",
        "An error in the code: {what}",
        weight=19,
        shown=Shown.RAISED,
        own=True,
    ),
)

_OTHER_LANGUAGES = (
    rule(
        "module_not_found",
        r"^Error: Cannot find module '(?P<name>[^']+)'|^Can't locate (?P<of_perl>\S+) in @INC|"
        r"\bmodule '(?P<of_lua>[\w.]+)' not found:|"
        r"Could not find or load main class (?P<of_java>\S+)|"
        r"\b(ClassNotFoundException|NoClassDefFoundError): (?P<of_class>\S+)",
        "A module that the program loads is not installed, or not on its path: {name}{of_perl}"
        "{of_lua}{of_java}{of_class}.",
        weight=60,
        shown=Shown.LINE,
    ),
    rule(
        "user_code_error",
        r"^thread '.*' panicked at |^panic: |^(Unrecognized|Undefined) function or variable '|"
        r"^Exception in thread \"main\" java\.lang\.(NullPointer|\w*Index\w*|ClassCast|"
        r"IllegalState|Arithmetic)\w*Exception",
        weight=41,
        shown=Shown.LINE,
    ),
    rule(
        "module_not_found",
        r"there is no package called .(?P<name>[\w.]+)|ArgumentError: Package (?P<other>\w+) not "
        r"found in current path",
        "A package that the program loads is not installed: {name}{other}.",
        fix="Install it in the library or project that runs the training.",
        weight=60,
        shown=Shown.LINE,
    ),
    rule(
        "shape_mismatch",
        r"\bDimensionMismatch\b|non-conformable (arguments|arrays)|incorrect number of dimensions",
        weight=56,
        shown=Shown.LINE,
    ),
    rule(
        "host_oom",
        r"cannot allocate vector of size|^Out of memory\.$|"
        r"^ERROR: (LoadError: )?OutOfMemoryError\(\)",
        weight=57,
        shown=Shown.LINE,
    ),
    rule(
        "gpu_oom",
        r"Out of GPU memory trying to allocate",
        weight=60,
        shown=Shown.LINE,
    ),
    rule(
        "data_key_missing",
        r"^ERROR: (LoadError: )?KeyError: key|undefined columns selected|"
        r"ArgumentError: column name "
        r".* not found",
        weight=44,
        shown=Shown.LINE,
    ),
    rule(
        "user_code_error",
        r"^ERROR: (LoadError: )?(UndefVarError|MethodError|BoundsError|TypeError|UndefRefError)|"
        r"^Error.*: (object '.*' not found|could not find function)|subscript out of bounds",
        weight=41,
        shown=Shown.LINE,
    ),
)

RULES: tuple[CauseRule, ...] = (*_OTHER_LANGUAGES, *_IMPORTS, *_FILES, *_ARGUMENTS, *_MORE)
