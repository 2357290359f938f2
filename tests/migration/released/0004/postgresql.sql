

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
    code_change character varying,
    stop_reason character varying
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

INSERT INTO public.alembic_version VALUES ('0004');

INSERT INTO public.attempts VALUES (4, '91a15f43-c10f-45b3-9e9e-c2ac875440c2', 2, 'completed', 'box', '096817a1-2f98-49a7-96c2-8d238ef10c2d', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.1_-7da1fc94/.trainui/attempt-2', '[["box","cpu",0]]', 1795580883927288, 1795580883929527, 1795580883974475, 1795580883995917, 0, NULL, NULL, NULL, 23168, 23167, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (1, '37dc6c66-6493-4bc1-b66e-0e19d1544c65', 1, 'completed', 'box', 'eff95567-3b96-4c27-b123-c5cee825ead9', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/prepare/.trainui/attempt-1', '[["box","cpu",0]]', 1795580882551974, 1795580882613431, 1795580882786037, 1795580882806418, 0, NULL, NULL, NULL, 23121, 23120, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (5, 'c5dea16a-1bcf-4be1-b0d8-eb8a7bb90c34', 2, 'completed', 'box', 'de66fc84-e850-4e44-a63e-9c2bae822aa4', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.2_-7d72c904/.trainui/attempt-2', '[["box","cpu",1]]', 1795580883993704, 1795580883997580, 1795580884053330, 1795580884068093, 0, NULL, NULL, NULL, 23172, 23171, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (2, '91a15f43-c10f-45b3-9e9e-c2ac875440c2', 1, 'failed', 'box', '7a4c21e6-3502-46c9-91ba-49182baa58f7', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.1_-7da1fc94/.trainui/attempt-1', '[["box","cpu",0]]', 1795580883667808, 1795580883673172, 1795580883762741, 1795580883784921, 1, NULL, 'exit code 1

trained at 0.1', NULL, 23156, 23152, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (3, 'c5dea16a-1bcf-4be1-b0d8-eb8a7bb90c34', 1, 'failed', 'box', '3856f02c-dd91-489a-9e9f-3ff34dc59356', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.2_-7d72c904/.trainui/attempt-1', '[["box","cpu",1]]', 1795580883683995, 1795580883690571, 1795580883753379, 1795580883780364, 1, NULL, 'exit code 1

trained at 0.2', NULL, 23155, 23154, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (6, '41828cf3-171f-48e2-a26a-f8d75b2baebe', 1, 'failed', 'box', 'fb96a592-4058-4d46-a14d-ba5e28470360', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/wrong/.trainui/attempt-1', '[["box","cpu",0]]', 1795580884199825, 1795580884202014, 1795580884239105, 1795580884251808, 3, NULL, 'exit code 3', NULL, 23178, 23177, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (7, '41828cf3-171f-48e2-a26a-f8d75b2baebe', 2, 'failed', 'box', '27b53b56-30bd-4fef-a6a3-049f1fbc25d3', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/wrong/.trainui/attempt-2', '[["box","cpu",0]]', 1795580886876131, 1795580886888746, 1795580886942172, 1795580886956664, 3, NULL, 'exit code 3', NULL, 23206, 23205, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.chunk_stats VALUES (1, 1, 4, 1, 0, 5, 0, 4, 1, 5, 1, 5, 0.11, 0.15, 0.65, 0, 0.15);
INSERT INTO public.chunk_stats VALUES (2, 2, 5, 1, 0, 5, 0, 4, 1, 5, 1, 5, 0.21, 0.25, 1.15, 0, 0.25);
INSERT INTO public.chunk_stats VALUES (1, 3, 6, 2, 0, 5, 5, 9, 1, 5, 1, 5, 0.11, 0.15, 0.65, 0, 0.15);
INSERT INTO public.chunk_stats VALUES (2, 4, 7, 2, 0, 5, 5, 9, 1, 5, 1, 5, 0.21, 0.25, 1.15, 0, 0.25);

INSERT INTO public.chunks VALUES (1, 1, 4, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x00000141be40126106000000000000000000');
INSERT INTO public.chunks VALUES (2, 2, 5, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x00004d42be40126106000000000000000000');
INSERT INTO public.chunks VALUES (3, 1, 6, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000c886c140126106000000000000000000');
INSERT INTO public.chunks VALUES (4, 2, 7, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x0000f7a5c240126106000000000000000000');

INSERT INTO public.dependencies VALUES ('91a15f43-c10f-45b3-9e9e-c2ac875440c2', '37dc6c66-6493-4bc1-b66e-0e19d1544c65');
INSERT INTO public.dependencies VALUES ('c5dea16a-1bcf-4be1-b0d8-eb8a7bb90c34', '37dc6c66-6493-4bc1-b66e-0e19d1544c65');
INSERT INTO public.dependencies VALUES ('41828cf3-171f-48e2-a26a-f8d75b2baebe', '91a15f43-c10f-45b3-9e9e-c2ac875440c2');
INSERT INTO public.dependencies VALUES ('41828cf3-171f-48e2-a26a-f8d75b2baebe', 'c5dea16a-1bcf-4be1-b0d8-eb8a7bb90c34');
INSERT INTO public.dependencies VALUES ('8906e3bd-94ad-48e1-8281-941f5241f18c', '41828cf3-171f-48e2-a26a-f8d75b2baebe');

INSERT INTO public.events VALUES (1, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', NULL, NULL, 1795580880621653, 'submitted', '5 stages submitted');
INSERT INTO public.events VALUES (2, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', NULL, NULL, 1795580882606110, 'run', 'the run is running');
INSERT INTO public.events VALUES (3, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'prepare', NULL, 1795580882723331, 'running', 'prepare is running');
INSERT INTO public.events VALUES (4, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'prepare', 1, 1795580882786037, 'started', 'prepare started as process 23121');
INSERT INTO public.events VALUES (5, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'prepare', NULL, 1795580883610391, 'completed', 'prepare is completed');
INSERT INTO public.events VALUES (6, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.1]', NULL, 1795580883624585, 'queued', 'train[rate=0.1] is queued');
INSERT INTO public.events VALUES (7, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', NULL, 1795580883624585, 'queued', 'train[rate=0.2] is queued');
INSERT INTO public.events VALUES (8, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.1]', NULL, 1795580883724968, 'running', 'train[rate=0.1] is running');
INSERT INTO public.events VALUES (9, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', NULL, 1795580883740952, 'running', 'train[rate=0.2] is running');
INSERT INTO public.events VALUES (10, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', 1, 1795580883753379, 'started', 'train[rate=0.2] started as process 23155');
INSERT INTO public.events VALUES (11, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.1]', 1, 1795580883762741, 'started', 'train[rate=0.1] started as process 23156');
INSERT INTO public.events VALUES (12, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', 1, 1795580883906617, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO public.events VALUES (13, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.1]', NULL, 1795580883915677, 'queued', 'train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO public.events VALUES (14, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.1]', NULL, 1795580883952068, 'running', 'train[rate=0.1] is running');
INSERT INTO public.events VALUES (15, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', NULL, 1795580883968117, 'queued', 'train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO public.events VALUES (16, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.1]', 2, 1795580883974475, 'started', 'train[rate=0.1] started as process 23168');
INSERT INTO public.events VALUES (17, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', NULL, 1795580884010936, 'running', 'train[rate=0.2] is running');
INSERT INTO public.events VALUES (18, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', 2, 1795580884053330, 'started', 'train[rate=0.2] started as process 23172');
INSERT INTO public.events VALUES (19, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', 2, 1795580884132422, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO public.events VALUES (20, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.1]', NULL, 1795580884139298, 'completed', 'train[rate=0.1] is completed');
INSERT INTO public.events VALUES (21, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'train[rate=0.2]', NULL, 1795580884180120, 'completed', 'train[rate=0.2] is completed');
INSERT INTO public.events VALUES (22, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', NULL, 1795580884187298, 'queued', 'wrong is queued');
INSERT INTO public.events VALUES (23, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', NULL, 1795580884214736, 'running', 'wrong is running');
INSERT INTO public.events VALUES (24, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', 1, 1795580884239105, 'started', 'wrong started as process 23178');
INSERT INTO public.events VALUES (25, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', NULL, 1795580884295522, 'failed', 'wrong is failed: exit code 3');
INSERT INTO public.events VALUES (26, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'after', NULL, 1795580884297872, 'blocked', 'after is blocked: wrong failed');
INSERT INTO public.events VALUES (27, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', NULL, NULL, 1795580884304117, 'run', 'the run is failed');
INSERT INTO public.events VALUES (28, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', NULL, 1795580886806203, 'pending', 'wrong is pending');
INSERT INTO public.events VALUES (29, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'after', NULL, 1795580886809110, 'pending', 'after is pending');
INSERT INTO public.events VALUES (30, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', NULL, 1795580886829356, 'queued', 'wrong is queued');
INSERT INTO public.events VALUES (31, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', NULL, NULL, 1795580886854096, 'run', 'the run is running');
INSERT INTO public.events VALUES (32, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', NULL, 1795580886903480, 'running', 'wrong is running');
INSERT INTO public.events VALUES (33, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', 2, 1795580886942172, 'started', 'wrong started as process 23206');
INSERT INTO public.events VALUES (34, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'wrong', NULL, 1795580886987015, 'failed', 'wrong is failed: exit code 3');
INSERT INTO public.events VALUES (35, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'after', NULL, 1795580886989591, 'blocked', 'after is blocked: wrong failed');
INSERT INTO public.events VALUES (36, '55c62307-44e6-4107-a5ee-6f6a69c6dde3', NULL, NULL, 1795580887001004, 'run', 'the run is failed');

INSERT INTO public.flags VALUES ('notified_event', '1');

INSERT INTO public.pipelines VALUES ('ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1', 'old', '# What is run for the database that is kept of a release; what later versions can do is added here.
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
    alerts: [{metric: loss, above: 0.22, then: mark}]
    depends_on: [prepare]

  - {name: wrong, run: test -e allowed || exit 3, depends_on: [train]}
  - {name: after, run: echo after, depends_on: [wrong]}
');

INSERT INTO public.runs VALUES ('55c62307-44e6-4107-a5ee-6f6a69c6dde3', 'old', 'failed', 'old', 'ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1', '/home/me/work/pipeline.yaml', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3', '{"points":"5"}', '{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}', 0, 1795580880605289, 1795580882786037, 1795580886988830, 1795580887030407);

INSERT INTO public.series VALUES (1, '91a15f43-c10f-45b3-9e9e-c2ac875440c2', 'loss');
INSERT INTO public.series VALUES (2, 'c5dea16a-1bcf-4be1-b0d8-eb8a7bb90c34', 'loss');

INSERT INTO public.sources VALUES (1, '37dc6c66-6493-4bc1-b66e-0e19d1544c65', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/prepare/.trainui/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (3, '37dc6c66-6493-4bc1-b66e-0e19d1544c65', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/prepare/.trainui/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (2, '37dc6c66-6493-4bc1-b66e-0e19d1544c65', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/prepare/.trainui/attempt-1/stdout.log#found', 'text', 1, 0, 9, 0, 0, '{"device": 65024, "inode": 11788839, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}', '{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "fastai": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}}}', 0, 0, 1, NULL);
INSERT INTO public.sources VALUES (4, '91a15f43-c10f-45b3-9e9e-c2ac875440c2', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11788880, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (5, 'c5dea16a-1bcf-4be1-b0d8-eb8a7bb90c34', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11788890, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (6, '91a15f43-c10f-45b3-9e9e-c2ac875440c2', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11788893, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (7, 'c5dea16a-1bcf-4be1-b0d8-eb8a7bb90c34', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11788904, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (8, '41828cf3-171f-48e2-a26a-f8d75b2baebe', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/wrong/.trainui/attempt-2/metrics.jsonl', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (9, '41828cf3-171f-48e2-a26a-f8d75b2baebe', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/wrong/.trainui/attempt-2/stdout.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (10, '41828cf3-171f-48e2-a26a-f8d75b2baebe', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/wrong/.trainui/attempt-2/stderr.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);

INSERT INTO public.stages VALUES ('37dc6c66-6493-4bc1-b66e-0e19d1544c65', '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 0, 'prepare', 'completed', NULL, '{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/prepare', 1, 'eff95567-3b96-4c27-b123-c5cee825ead9', 1795580882786037, 1795580882806418, 0, NULL, NULL, false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('c5dea16a-1bcf-4be1-b0d8-eb8a7bb90c34', '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 2, 'train[rate=0.2]', 'completed', NULL, '{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.2_-7d72c904', 2, 'de66fc84-e850-4e44-a63e-9c2bae822aa4', 1795580884053330, 1795580884068093, 0, NULL, NULL, false, 1, NULL, false, false);
INSERT INTO public.stages VALUES ('41828cf3-171f-48e2-a26a-f8d75b2baebe', '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 3, 'wrong', 'failed', 'exit code 3', '{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/wrong', 2, '27b53b56-30bd-4fef-a6a3-049f1fbc25d3', 1795580886942172, 1795580886956664, 3, NULL, 'exit code 3', false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('8906e3bd-94ad-48e1-8281-941f5241f18c', '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 4, 'after', 'blocked', 'wrong failed', '{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/after', 0, NULL, NULL, 1795580886988830, NULL, NULL, NULL, false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('91a15f43-c10f-45b3-9e9e-c2ac875440c2', '55c62307-44e6-4107-a5ee-6f6a69c6dde3', 1, 'train[rate=0.1]', 'completed', NULL, '{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/55c62307-44e6-4107-a5ee-6f6a69c6dde3/train_rate=0.1_-7da1fc94', 2, '096817a1-2f98-49a7-96c2-8d238ef10c2d', 1795580883974475, 1795580883995917, 0, NULL, NULL, false, 1, NULL, false, false);

SELECT pg_catalog.setval('public.attempts_id_seq', 7, true);

SELECT pg_catalog.setval('public.chunks_id_seq', 4, true);

SELECT pg_catalog.setval('public.events_id_seq', 36, true);

SELECT pg_catalog.setval('public.series_id_seq', 2, true);

SELECT pg_catalog.setval('public.sources_id_seq', 10, true);

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

