

COMMENT ON SCHEMA public IS 'standard public schema';

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.attempts (
    id integer NOT NULL,
    stage_id text NOT NULL,
    number integer NOT NULL,
    status character varying NOT NULL,
    host character varying NOT NULL,
    celery_task_id character varying,
    directory character varying NOT NULL,
    slots_json character varying NOT NULL,
    granted_at bigint NOT NULL,
    sent_at bigint,
    started_at bigint,
    completed_at bigint,
    exit_code integer,
    signal integer,
    error character varying,
    result_json character varying,
    pid integer,
    supervisor_pid integer,
    checkpoint character varying,
    checkpoint_tried boolean NOT NULL,
    cancel_requested_at bigint,
    metrics_complete boolean NOT NULL,
    definition_json character varying,
    digest character varying,
    inputs_json character varying,
    kept_json character varying,
    code_change character varying
);

CREATE SEQUENCE public.attempts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.attempts_id_seq OWNED BY public.attempts.id;

CREATE TABLE public.chunk_stats (
    series_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    source_id integer NOT NULL,
    attempt integer NOT NULL,
    generation integer NOT NULL,
    n integer NOT NULL,
    first_ordinal bigint NOT NULL,
    last_ordinal bigint NOT NULL,
    first_step numeric NOT NULL,
    last_step numeric NOT NULL,
    low_step numeric NOT NULL,
    high_step numeric NOT NULL,
    minimum double precision,
    maximum double precision,
    total double precision NOT NULL,
    nonfinite integer NOT NULL,
    last double precision
);

CREATE TABLE public.chunks (
    id integer NOT NULL,
    series_id integer NOT NULL,
    source_id integer NOT NULL,
    attempt integer NOT NULL,
    generation integer NOT NULL,
    start_byte bigint NOT NULL,
    end_byte bigint NOT NULL,
    open boolean NOT NULL,
    n integer NOT NULL,
    float_steps boolean NOT NULL,
    ordinals bytea NOT NULL,
    steps bytea NOT NULL,
    numbers bytea NOT NULL,
    times bytea NOT NULL
);

CREATE SEQUENCE public.chunks_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.chunks_id_seq OWNED BY public.chunks.id;

CREATE TABLE public.dependencies (
    stage_id text NOT NULL,
    upstream_id text NOT NULL
);

CREATE TABLE public.events (
    id integer NOT NULL,
    run_id text NOT NULL,
    stage character varying,
    attempt integer,
    "time" bigint NOT NULL,
    kind character varying NOT NULL,
    text character varying NOT NULL
);

CREATE SEQUENCE public.events_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.events_id_seq OWNED BY public.events.id;

CREATE TABLE public.flags (
    name character varying NOT NULL,
    value character varying NOT NULL
);

CREATE TABLE public.pipelines (
    digest character varying NOT NULL,
    name character varying NOT NULL,
    text character varying NOT NULL
);

CREATE TABLE public.runs (
    id character varying NOT NULL COLLATE pg_catalog."C",
    name character varying NOT NULL,
    status character varying NOT NULL,
    pipeline character varying NOT NULL,
    digest text NOT NULL,
    file character varying,
    directory character varying NOT NULL,
    params_json character varying NOT NULL,
    submission_json character varying NOT NULL,
    priority integer NOT NULL,
    created_at bigint NOT NULL,
    started_at bigint,
    completed_at bigint,
    notified_at bigint
);

CREATE TABLE public.series (
    id integer NOT NULL,
    owner character varying NOT NULL,
    name character varying NOT NULL
);

CREATE SEQUENCE public.series_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.series_id_seq OWNED BY public.series.id;

CREATE TABLE public.slots (
    host character varying NOT NULL,
    kind character varying NOT NULL,
    number integer NOT NULL,
    attempt_id bigint NOT NULL
);

CREATE TABLE public.sources (
    id integer NOT NULL,
    owner character varying NOT NULL,
    key character varying NOT NULL,
    format character varying,
    attempt integer NOT NULL,
    generation integer NOT NULL,
    "offset" bigint NOT NULL,
    rows bigint NOT NULL,
    next_ordinal bigint NOT NULL,
    identity_json character varying,
    state_json character varying NOT NULL,
    tail_rows integer NOT NULL,
    tail_points integer NOT NULL,
    version integer NOT NULL,
    problem character varying
);

CREATE SEQUENCE public.sources_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.sources_id_seq OWNED BY public.sources.id;

CREATE TABLE public.stages (
    id character varying NOT NULL,
    run_id text NOT NULL,
    "position" integer NOT NULL,
    name character varying NOT NULL,
    status character varying NOT NULL,
    reason character varying,
    definition_json character varying NOT NULL,
    directory character varying NOT NULL,
    attempt integer NOT NULL,
    celery_task_id character varying,
    started_at bigint,
    completed_at bigint,
    exit_code integer,
    result_json character varying,
    error character varying,
    stalled boolean NOT NULL,
    retries_used integer NOT NULL,
    not_before bigint,
    fresh boolean NOT NULL,
    removed boolean DEFAULT false NOT NULL
);

CREATE TABLE public.tails (
    id integer NOT NULL,
    source_id integer NOT NULL,
    attempt integer NOT NULL,
    generation integer NOT NULL,
    start_byte bigint NOT NULL,
    end_byte bigint NOT NULL,
    points bytea NOT NULL
);

CREATE SEQUENCE public.tails_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.tails_id_seq OWNED BY public.tails.id;

ALTER TABLE ONLY public.attempts ALTER COLUMN id SET DEFAULT nextval('public.attempts_id_seq'::regclass);

ALTER TABLE ONLY public.chunks ALTER COLUMN id SET DEFAULT nextval('public.chunks_id_seq'::regclass);

ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);

ALTER TABLE ONLY public.series ALTER COLUMN id SET DEFAULT nextval('public.series_id_seq'::regclass);

ALTER TABLE ONLY public.sources ALTER COLUMN id SET DEFAULT nextval('public.sources_id_seq'::regclass);

ALTER TABLE ONLY public.tails ALTER COLUMN id SET DEFAULT nextval('public.tails_id_seq'::regclass);

INSERT INTO public.alembic_version VALUES ('0003');

INSERT INTO public.attempts VALUES (1, '1cf221e3-7d02-47e6-9dba-32e9e9232a72', 1, 'completed', 'box', '8b3cc6cd-2494-44bb-94e4-6a0487c86352', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/prepare/.trainui/attempt-1', '[["box","cpu",0]]', 1795580855492117, 1795580855531811, 1795580855582018, 1795580855592951, 0, NULL, NULL, NULL, 22629, 22628, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (5, 'b5de5d70-37f4-448a-b187-1892963f6863', 2, 'completed', 'box', '4da8d099-5fe7-4441-b8fc-fe972352d24b', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.2_-7d72c904/.trainui/attempt-2', '[["box","cpu",1]]', 1795580856259228, 1795580856265334, 1795580856297171, 1795580856305450, 0, NULL, NULL, NULL, 22662, 22661, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (4, 'f6c11c0b-b01c-4c50-bec1-9aa54df3ab38', 2, 'completed', 'box', '34620a22-229a-4bcc-9cb4-b472314e8b66', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.1_-7da1fc94/.trainui/attempt-2', '[["box","cpu",0]]', 1795580856253762, 1795580856256506, 1795580856284291, 1795580856289449, 0, NULL, NULL, NULL, 22658, 22657, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (2, 'f6c11c0b-b01c-4c50-bec1-9aa54df3ab38', 1, 'failed', 'box', '44701c2e-6011-47db-bd4b-ed2c1148284d', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.1_-7da1fc94/.trainui/attempt-1', '[["box","cpu",0]]', 1795580856119633, 1795580856122327, 1795580856161108, 1795580856172066, 1, NULL, 'exit code 1

trained at 0.1', NULL, 22647, 22645, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (3, 'b5de5d70-37f4-448a-b187-1892963f6863', 1, 'failed', 'box', '152bc754-14a1-4186-b8e9-e4debe77d3d9', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.2_-7d72c904/.trainui/attempt-1', '[["box","cpu",1]]', 1795580856126918, 1795580856134811, 1795580856165124, 1795580856171052, 1, NULL, 'exit code 1

trained at 0.2', NULL, 22649, 22648, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (6, 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05', 1, 'failed', 'box', '1c8680f9-906e-4803-80eb-31687b930a39', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong/.trainui/attempt-1', '[["box","cpu",0]]', 1795580856388724, 1795580856391522, 1795580856413065, 1795580856416257, 3, NULL, 'exit code 3', NULL, 22668, 22667, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (7, 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05', 2, 'failed', 'box', 'e9cdc944-1a84-470f-97aa-afb4d7467bff', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong/.trainui/attempt-2', '[["box","cpu",0]]', 1795580857289449, 1795580857294508, 1795580857314054, 1795580857316732, 3, NULL, 'exit code 3', NULL, 22683, 22682, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.chunk_stats VALUES (1, 1, 4, 1, 0, 5, 0, 4, 1, 5, 1, 5, 0.11, 0.15, 0.65, 0, 0.15);
INSERT INTO public.chunk_stats VALUES (2, 2, 5, 1, 0, 5, 0, 4, 1, 5, 1, 5, 0.21, 0.25, 1.15, 0, 0.25);
INSERT INTO public.chunk_stats VALUES (1, 3, 6, 2, 0, 5, 5, 9, 1, 5, 1, 5, 0.11, 0.15, 0.65, 0, 0.15);
INSERT INTO public.chunk_stats VALUES (2, 4, 7, 2, 0, 5, 5, 9, 1, 5, 1, 5, 0.21, 0.25, 1.15, 0, 0.25);

INSERT INTO public.chunks VALUES (1, 1, 4, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000b3f8183f126106000000000000000000');
INSERT INTO public.chunks VALUES (2, 2, 5, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x0000dff7183f126106000000000000000000');
INSERT INTO public.chunks VALUES (3, 1, 6, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x000090c71a3f126106000000000000000000');
INSERT INTO public.chunks VALUES (4, 2, 7, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x000006061b3f126106000000000000000000');

INSERT INTO public.dependencies VALUES ('f6c11c0b-b01c-4c50-bec1-9aa54df3ab38', '1cf221e3-7d02-47e6-9dba-32e9e9232a72');
INSERT INTO public.dependencies VALUES ('b5de5d70-37f4-448a-b187-1892963f6863', '1cf221e3-7d02-47e6-9dba-32e9e9232a72');
INSERT INTO public.dependencies VALUES ('a6e8ef34-dfd6-42d0-984d-fba3383b4c05', 'f6c11c0b-b01c-4c50-bec1-9aa54df3ab38');
INSERT INTO public.dependencies VALUES ('a6e8ef34-dfd6-42d0-984d-fba3383b4c05', 'b5de5d70-37f4-448a-b187-1892963f6863');
INSERT INTO public.dependencies VALUES ('543d439a-0b87-45bc-a247-6e9f1a574027', 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05');

INSERT INTO public.events VALUES (1, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', NULL, NULL, 1795580854943725, 'submitted', '5 stages submitted');
INSERT INTO public.events VALUES (2, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', NULL, NULL, 1795580855520859, 'run', 'the run is running');
INSERT INTO public.events VALUES (3, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'prepare', NULL, 1795580855563991, 'running', 'prepare is running');
INSERT INTO public.events VALUES (4, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'prepare', 1, 1795580855582018, 'started', 'prepare started as process 22629');
INSERT INTO public.events VALUES (5, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'prepare', NULL, 1795580856101990, 'completed', 'prepare is completed');
INSERT INTO public.events VALUES (6, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.2]', NULL, 1795580856106853, 'queued', 'train[rate=0.2] is queued');
INSERT INTO public.events VALUES (7, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.1]', NULL, 1795580856107845, 'queued', 'train[rate=0.1] is queued');
INSERT INTO public.events VALUES (8, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.1]', NULL, 1795580856144324, 'running', 'train[rate=0.1] is running');
INSERT INTO public.events VALUES (9, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.2]', NULL, 1795580856150141, 'running', 'train[rate=0.2] is running');
INSERT INTO public.events VALUES (10, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.1]', 1, 1795580856161108, 'started', 'train[rate=0.1] started as process 22647');
INSERT INTO public.events VALUES (11, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.2]', 1, 1795580856165124, 'started', 'train[rate=0.2] started as process 22649');
INSERT INTO public.events VALUES (12, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.1]', NULL, 1795580856232258, 'queued', 'train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO public.events VALUES (13, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.2]', NULL, 1795580856240807, 'queued', 'train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO public.events VALUES (14, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.1]', NULL, 1795580856268381, 'running', 'train[rate=0.1] is running');
INSERT INTO public.events VALUES (15, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.2]', NULL, 1795580856281164, 'running', 'train[rate=0.2] is running');
INSERT INTO public.events VALUES (16, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.1]', 2, 1795580856284291, 'started', 'train[rate=0.1] started as process 22658');
INSERT INTO public.events VALUES (17, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.2]', 2, 1795580856297171, 'started', 'train[rate=0.2] started as process 22662');
INSERT INTO public.events VALUES (18, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.2]', NULL, 1795580856359627, 'completed', 'train[rate=0.2] is completed');
INSERT INTO public.events VALUES (19, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'train[rate=0.1]', NULL, 1795580856369777, 'completed', 'train[rate=0.1] is completed');
INSERT INTO public.events VALUES (20, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', NULL, 1795580856377406, 'queued', 'wrong is queued');
INSERT INTO public.events VALUES (21, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', NULL, 1795580856402838, 'running', 'wrong is running');
INSERT INTO public.events VALUES (22, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', 1, 1795580856413065, 'started', 'wrong started as process 22668');
INSERT INTO public.events VALUES (23, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', NULL, 1795580856468075, 'failed', 'wrong is failed: exit code 3');
INSERT INTO public.events VALUES (24, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'after', NULL, 1795580856470074, 'blocked', 'after is blocked: wrong failed');
INSERT INTO public.events VALUES (25, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', NULL, NULL, 1795580856475282, 'run', 'the run is failed');
INSERT INTO public.events VALUES (26, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', NULL, 1795580857263084, 'pending', 'wrong is pending');
INSERT INTO public.events VALUES (27, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'after', NULL, 1795580857264834, 'pending', 'after is pending');
INSERT INTO public.events VALUES (28, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', NULL, 1795580857267888, 'queued', 'wrong is queued');
INSERT INTO public.events VALUES (29, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', NULL, NULL, 1795580857274942, 'run', 'the run is running');
INSERT INTO public.events VALUES (30, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', NULL, 1795580857303600, 'running', 'wrong is running');
INSERT INTO public.events VALUES (31, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', 2, 1795580857314054, 'started', 'wrong started as process 22683');
INSERT INTO public.events VALUES (32, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'wrong', NULL, 1795580857351443, 'failed', 'wrong is failed: exit code 3');
INSERT INTO public.events VALUES (33, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'after', NULL, 1795580857353180, 'blocked', 'after is blocked: wrong failed');
INSERT INTO public.events VALUES (34, '14f8ac92-c589-4cdd-b879-cbb27aea1be0', NULL, NULL, 1795580857354948, 'run', 'the run is failed');

INSERT INTO public.flags VALUES ('notified_event', '1');

INSERT INTO public.pipelines VALUES ('fbb750df3e4f78f79e2bdcad986a34fbc45bdd30aa29c7e90126dde45d8e99ab', 'old', '# What is run for the database that is kept of a release; what later versions can do is added here.
name: old
params: {points: 5}
stages:
  - {name: prepare, run: ''echo prepared | tee ${stage_dir}/data.txt'', outputs: [data.txt]}

  - name: train
    matrix: {rate: [0.1, 0.2]}
    run: |
      for i in $(seq ${params.points}); do
        echo "{\"step\": $i, \"loss\": ${matrix.rate}$i}" >> $TRAINUI_METRICS_FILE
      done
      echo trained at ${matrix.rate}
      [ $TRAINUI_ATTEMPT = 2 ]
    retries: 1
    retry_delay: 0
    depends_on: [prepare]

  - {name: wrong, run: test -e allowed || exit 3, depends_on: [train]}
  - {name: after, run: echo after, depends_on: [wrong]}
');

INSERT INTO public.runs VALUES ('14f8ac92-c589-4cdd-b879-cbb27aea1be0', 'old', 'failed', 'old', 'fbb750df3e4f78f79e2bdcad986a34fbc45bdd30aa29c7e90126dde45d8e99ab', '/home/me/work/pipeline.yaml', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0', '{"points":"5"}', '{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}', 0, 1795580854928713, 1795580855582018, 1795580857352914, 1795580857364084);

INSERT INTO public.series VALUES (1, 'f6c11c0b-b01c-4c50-bec1-9aa54df3ab38', 'loss');
INSERT INTO public.series VALUES (2, 'b5de5d70-37f4-448a-b187-1892963f6863', 'loss');

INSERT INTO public.sources VALUES (1, '1cf221e3-7d02-47e6-9dba-32e9e9232a72', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/prepare/.trainui/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (3, '1cf221e3-7d02-47e6-9dba-32e9e9232a72', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/prepare/.trainui/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (2, '1cf221e3-7d02-47e6-9dba-32e9e9232a72', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/prepare/.trainui/attempt-1/stdout.log#found', 'text', 1, 0, 9, 0, 0, '{"device": 65024, "inode": 11773975, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}', '{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "fastai": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}}}', 0, 0, 1, NULL);
INSERT INTO public.sources VALUES (4, 'f6c11c0b-b01c-4c50-bec1-9aa54df3ab38', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11774008, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (5, 'b5de5d70-37f4-448a-b187-1892963f6863', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11773998, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (6, 'f6c11c0b-b01c-4c50-bec1-9aa54df3ab38', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11774010, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (7, 'b5de5d70-37f4-448a-b187-1892963f6863', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11774021, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (8, 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong/.trainui/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (9, 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong/.trainui/attempt-1/stdout.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (10, 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong/.trainui/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (11, 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong/.trainui/attempt-2/metrics.jsonl', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (12, 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong/.trainui/attempt-2/stdout.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (13, 'a6e8ef34-dfd6-42d0-984d-fba3383b4c05', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong/.trainui/attempt-2/stderr.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);

INSERT INTO public.stages VALUES ('1cf221e3-7d02-47e6-9dba-32e9e9232a72', '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 0, 'prepare', 'completed', NULL, '{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false}', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/prepare', 1, '8b3cc6cd-2494-44bb-94e4-6a0487c86352', 1795580855582018, 1795580855592951, 0, NULL, NULL, false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('f6c11c0b-b01c-4c50-bec1-9aa54df3ab38', '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 1, 'train[rate=0.1]', 'completed', NULL, '{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.1_-7da1fc94', 2, '34620a22-229a-4bcc-9cb4-b472314e8b66', 1795580856284291, 1795580856289449, 0, NULL, NULL, false, 1, NULL, false, false);
INSERT INTO public.stages VALUES ('a6e8ef34-dfd6-42d0-984d-fba3383b4c05', '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 3, 'wrong', 'failed', 'exit code 3', '{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/wrong', 2, 'e9cdc944-1a84-470f-97aa-afb4d7467bff', 1795580857314054, 1795580857316732, 3, NULL, 'exit code 3', false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('543d439a-0b87-45bc-a247-6e9f1a574027', '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 4, 'after', 'blocked', 'wrong failed', '{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/after', 0, NULL, NULL, 1795580857352914, NULL, NULL, NULL, false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('b5de5d70-37f4-448a-b187-1892963f6863', '14f8ac92-c589-4cdd-b879-cbb27aea1be0', 2, 'train[rate=0.2]', 'completed', NULL, '{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}', '/home/me/trainui/runs/14f8ac92-c589-4cdd-b879-cbb27aea1be0/train_rate=0.2_-7d72c904', 2, '4da8d099-5fe7-4441-b8fc-fe972352d24b', 1795580856297171, 1795580856305450, 0, NULL, NULL, false, 1, NULL, false, false);

SELECT pg_catalog.setval('public.attempts_id_seq', 7, true);

SELECT pg_catalog.setval('public.chunks_id_seq', 4, true);

SELECT pg_catalog.setval('public.events_id_seq', 34, true);

SELECT pg_catalog.setval('public.series_id_seq', 2, true);

SELECT pg_catalog.setval('public.sources_id_seq', 13, true);

SELECT pg_catalog.setval('public.tails_id_seq', 4, true);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_stage_id_number_key UNIQUE (stage_id, number);

ALTER TABLE ONLY public.chunk_stats
    ADD CONSTRAINT chunk_stats_pkey PRIMARY KEY (series_id, chunk_id);

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.dependencies
    ADD CONSTRAINT dependencies_pkey PRIMARY KEY (stage_id, upstream_id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.flags
    ADD CONSTRAINT flags_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.pipelines
    ADD CONSTRAINT pipelines_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_owner_name_key UNIQUE (owner, name);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.slots
    ADD CONSTRAINT slots_pkey PRIMARY KEY (host, kind, number);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.stages
    ADD CONSTRAINT stages_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.stages
    ADD CONSTRAINT stages_run_id_name_key UNIQUE (run_id, name);

ALTER TABLE ONLY public.tails
    ADD CONSTRAINT tails_pkey PRIMARY KEY (id);

CREATE INDEX ix_attempts_status ON public.attempts USING btree (status);

CREATE INDEX ix_chunks_open ON public.chunks USING btree (source_id) WHERE open;

CREATE INDEX ix_dependencies_upstream ON public.dependencies USING btree (upstream_id);

CREATE INDEX ix_events_run ON public.events USING btree (run_id, id);

CREATE INDEX ix_runs_created ON public.runs USING btree (created_at);

CREATE INDEX ix_runs_name ON public.runs USING btree (name, created_at);

CREATE INDEX ix_runs_notified ON public.runs USING btree (notified_at);

CREATE INDEX ix_runs_pipeline ON public.runs USING btree (pipeline, created_at);

CREATE INDEX ix_runs_status ON public.runs USING btree (status);

CREATE INDEX ix_slots_attempt_id ON public.slots USING btree (attempt_id);

CREATE INDEX ix_sources_owner ON public.sources USING btree (owner);

CREATE INDEX ix_stages_run_status ON public.stages USING btree (run_id, status);

CREATE INDEX ix_stages_status ON public.stages USING btree (status);

CREATE INDEX ix_tails_source ON public.tails USING btree (source_id);

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_stage_id_fkey FOREIGN KEY (stage_id) REFERENCES public.stages(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.dependencies
    ADD CONSTRAINT dependencies_stage_id_fkey FOREIGN KEY (stage_id) REFERENCES public.stages(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.dependencies
    ADD CONSTRAINT dependencies_upstream_id_fkey FOREIGN KEY (upstream_id) REFERENCES public.stages(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_digest_fkey FOREIGN KEY (digest) REFERENCES public.pipelines(digest);

ALTER TABLE ONLY public.slots
    ADD CONSTRAINT slots_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES public.attempts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.stages
    ADD CONSTRAINT stages_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;

