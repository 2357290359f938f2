

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
    stop_reason character varying,
    secret_changes_json character varying,
    pruning_json character varying
);

CREATE SEQUENCE public.attempts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.attempts_id_seq OWNED BY public.attempts.id;

CREATE TABLE public.chunk_figures (
    series_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    figures bytea NOT NULL
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
    text character varying NOT NULL,
    data_json character varying
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

CREATE TABLE public.hosts (
    name character varying NOT NULL,
    home character varying NOT NULL,
    seen_at bigint NOT NULL,
    place character varying,
    slots_json character varying NOT NULL,
    queues_json character varying NOT NULL
);

CREATE TABLE public.log_reads (
    id character varying NOT NULL,
    host character varying NOT NULL,
    attempt_id integer NOT NULL,
    name character varying NOT NULL,
    start bigint NOT NULL,
    length integer NOT NULL,
    asked_at bigint NOT NULL,
    answer_json character varying,
    data bytea
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
    notified_at bigint,
    host character varying,
    place character varying
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
    removed boolean DEFAULT false NOT NULL,
    reason_host character varying
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

INSERT INTO public.alembic_version VALUES ('0008');

INSERT INTO public.attempts VALUES (1, '530c2138-ca41-4a4f-ac9f-0358af71a25f', 1, 'completed', 'box', '32d994d8-0142-40fe-a248-6598832fd2be', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/prepare/attempt-1', '[["box","cpu",0]]', 1795764409506154, 1795764409527510, 1795764409825068, 1795764409856190, 0, NULL, NULL, NULL, 32283, 32282, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (4, '8c5172e6-7cba-42a6-8f6e-d825d6a50e2e', 2, 'completed', 'box', 'ae84f9b1-8f9e-42ab-9266-7c00a9bee17f', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/train-rate-0.1/attempt-2', '[["box","cpu",0]]', 1795764411774872, 1795764411776633, 1795764411843411, 1795764411878594, 0, NULL, NULL, NULL, 32415, 32412, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (5, 'f8912223-c406-4ae2-85b8-20cac9df1f8f', 2, 'completed', 'box', '4b465960-bfed-483c-a4c6-e33a50cd7dc5', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/train-rate-0.2/attempt-2', '[["box","cpu",1]]', 1795764411780620, 1795764411786062, 1795764411869095, 1795764411892744, 0, NULL, NULL, NULL, 32418, 32414, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (2, '8c5172e6-7cba-42a6-8f6e-d825d6a50e2e', 1, 'failed', 'box', '6c6ca0da-ac84-4970-9dfd-3429b1a94f88', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/train-rate-0.1/attempt-1', '[["box","cpu",0]]', 1795764411492762, 1795764411501409, 1795764411531329, 1795764411567135, 1, NULL, 'exit code 1

trained at 0.1', NULL, 32396, 32395, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (3, 'f8912223-c406-4ae2-85b8-20cac9df1f8f', 1, 'failed', 'box', 'ce9eeede-c46a-4029-a278-b249e36d9bb6', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/train-rate-0.2/attempt-1', '[["box","cpu",1]]', 1795764411505742, 1795764411507308, 1795764411549034, 1795764411568350, 1, NULL, 'exit code 1

trained at 0.2', NULL, 32399, 32398, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (6, '426ff330-3267-4f44-807e-1aa803324e48', 1, 'failed', 'box', 'a236834e-84be-49f3-80ba-0996032ba3e1', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/wrong/attempt-1', '[["box","cpu",0]]', 1795764412070279, 1795764412078766, 1795764412109832, 1795764412132938, 3, NULL, 'exit code 3', NULL, 32432, 32427, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (7, '426ff330-3267-4f44-807e-1aa803324e48', 2, 'failed', 'box', '0a6de9db-3e3f-4d18-a7ba-3e2e9a76229c', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/wrong/attempt-2', '[["box","cpu",0]]', 1795764414744020, 1795764414764929, 1795764414840865, 1795764414852700, 3, NULL, 'exit code 3', NULL, 32486, 32485, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.chunk_figures VALUES (1, 1, '\x01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (2, 2, '\x01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');
INSERT INTO public.chunk_figures VALUES (1, 3, '\x01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (2, 4, '\x01000000000000000200000000000000070000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');

INSERT INTO public.chunks VALUES (1, 1, 4, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000c70adafb3c6106000000000000000000');
INSERT INTO public.chunks VALUES (2, 2, 5, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x00005209dafb3c6106000000000000000000');
INSERT INTO public.chunks VALUES (3, 1, 6, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000a3c8defb3c6106000000000000000000');
INSERT INTO public.chunks VALUES (4, 2, 7, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x00001af7defb3c6106000000000000000000');

INSERT INTO public.dependencies VALUES ('8c5172e6-7cba-42a6-8f6e-d825d6a50e2e', '530c2138-ca41-4a4f-ac9f-0358af71a25f');
INSERT INTO public.dependencies VALUES ('f8912223-c406-4ae2-85b8-20cac9df1f8f', '530c2138-ca41-4a4f-ac9f-0358af71a25f');
INSERT INTO public.dependencies VALUES ('426ff330-3267-4f44-807e-1aa803324e48', '8c5172e6-7cba-42a6-8f6e-d825d6a50e2e');
INSERT INTO public.dependencies VALUES ('426ff330-3267-4f44-807e-1aa803324e48', 'f8912223-c406-4ae2-85b8-20cac9df1f8f');
INSERT INTO public.dependencies VALUES ('a16176cb-155f-4b44-82b2-fe8fb647304a', '426ff330-3267-4f44-807e-1aa803324e48');

INSERT INTO public.events VALUES (1, '116d0734-8497-4acb-aca4-97500a01e507', NULL, NULL, 1795764409149121, 'submitted', '5 stages submitted', NULL);
INSERT INTO public.events VALUES (2, '116d0734-8497-4acb-aca4-97500a01e507', 'prepare', NULL, 1795764409678038, 'running', 'prepare started', NULL);
INSERT INTO public.events VALUES (3, '116d0734-8497-4acb-aca4-97500a01e507', NULL, NULL, 1795764409688951, 'run', 'run started', '{"status":"running"}');
INSERT INTO public.events VALUES (4, '116d0734-8497-4acb-aca4-97500a01e507', 'prepare', 1, 1795764409825068, 'started', 'prepare started as process 32283', NULL);
INSERT INTO public.events VALUES (5, '116d0734-8497-4acb-aca4-97500a01e507', 'prepare', NULL, 1795764411439729, 'completed', 'prepare completed', NULL);
INSERT INTO public.events VALUES (6, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.1]', NULL, 1795764411456713, 'queued', 'train[rate=0.1] queued', NULL);
INSERT INTO public.events VALUES (7, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', NULL, 1795764411456713, 'queued', 'train[rate=0.2] queued', NULL);
INSERT INTO public.events VALUES (8, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.1]', NULL, 1795764411512875, 'running', 'train[rate=0.1] started', NULL);
INSERT INTO public.events VALUES (9, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', NULL, 1795764411517325, 'running', 'train[rate=0.2] started', NULL);
INSERT INTO public.events VALUES (10, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', 1, 1795764411549034, 'started', 'train[rate=0.2] started as process 32399', NULL);
INSERT INTO public.events VALUES (11, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.1]', 1, 1795764411531329, 'started', 'train[rate=0.1] started as process 32396', NULL);
INSERT INTO public.events VALUES (12, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', 1, 1795764411676789, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22', '{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO public.events VALUES (13, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.1]', NULL, 1795764411752750, 'queued', 'train[rate=0.1] queued: retry 1 of 1: exit code 1', NULL);
INSERT INTO public.events VALUES (14, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', NULL, 1795764411760519, 'queued', 'train[rate=0.2] queued: retry 1 of 1: exit code 1', NULL);
INSERT INTO public.events VALUES (15, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.1]', NULL, 1795764411799141, 'running', 'train[rate=0.1] started', NULL);
INSERT INTO public.events VALUES (16, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', NULL, 1795764411807772, 'running', 'train[rate=0.2] started', NULL);
INSERT INTO public.events VALUES (17, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.1]', 2, 1795764411843411, 'started', 'train[rate=0.1] started as process 32415', NULL);
INSERT INTO public.events VALUES (18, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', 2, 1795764411869095, 'started', 'train[rate=0.2] started as process 32418', NULL);
INSERT INTO public.events VALUES (19, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', 2, 1795764411950956, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22', '{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO public.events VALUES (20, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.1]', NULL, 1795764412017381, 'completed', 'train[rate=0.1] completed', NULL);
INSERT INTO public.events VALUES (21, '116d0734-8497-4acb-aca4-97500a01e507', 'train[rate=0.2]', NULL, 1795764412037413, 'completed', 'train[rate=0.2] completed', NULL);
INSERT INTO public.events VALUES (22, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', NULL, 1795764412044064, 'queued', 'wrong queued', NULL);
INSERT INTO public.events VALUES (23, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', NULL, 1795764412090405, 'running', 'wrong started', NULL);
INSERT INTO public.events VALUES (24, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', 1, 1795764412109832, 'started', 'wrong started as process 32432', NULL);
INSERT INTO public.events VALUES (25, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', NULL, 1795764412170898, 'failed', 'wrong failed: exit code 3', NULL);
INSERT INTO public.events VALUES (26, '116d0734-8497-4acb-aca4-97500a01e507', 'after', NULL, 1795764412178233, 'blocked', 'after blocked: wrong failed', NULL);
INSERT INTO public.events VALUES (27, '116d0734-8497-4acb-aca4-97500a01e507', NULL, NULL, 1795764412181016, 'run', 'run failed', '{"status":"failed"}');
INSERT INTO public.events VALUES (28, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', NULL, 1795764414656605, 'pending', 'wrong pending', NULL);
INSERT INTO public.events VALUES (29, '116d0734-8497-4acb-aca4-97500a01e507', 'after', NULL, 1795764414669017, 'pending', 'after pending', NULL);
INSERT INTO public.events VALUES (30, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', NULL, 1795764414699356, 'queued', 'wrong queued', NULL);
INSERT INTO public.events VALUES (31, '116d0734-8497-4acb-aca4-97500a01e507', NULL, NULL, 1795764414712753, 'run', 'run started', '{"status":"running"}');
INSERT INTO public.events VALUES (32, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', NULL, 1795764414789126, 'running', 'wrong started', NULL);
INSERT INTO public.events VALUES (33, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', 2, 1795764414840865, 'started', 'wrong started as process 32486', NULL);
INSERT INTO public.events VALUES (34, '116d0734-8497-4acb-aca4-97500a01e507', 'wrong', NULL, 1795764414942681, 'failed', 'wrong failed: exit code 3', NULL);
INSERT INTO public.events VALUES (35, '116d0734-8497-4acb-aca4-97500a01e507', 'after', NULL, 1795764414952332, 'blocked', 'after blocked: wrong failed', NULL);
INSERT INTO public.events VALUES (36, '116d0734-8497-4acb-aca4-97500a01e507', NULL, NULL, 1795764414965770, 'run', 'run failed', '{"status":"failed"}');

INSERT INTO public.flags VALUES ('notified_event', '1');

INSERT INTO public.hosts VALUES ('box', '104380bf407524ba105e306f10c1cd0a', 1795764409435828, '28d6092aa06a1d24cf473bb1486c3140', '[{"kind":"cpu","index":0},{"kind":"cpu","index":1}]', '[]');

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

INSERT INTO public.runs VALUES ('116d0734-8497-4acb-aca4-97500a01e507', 'old', 'failed', 'old', 'ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1', '/home/me/work/pipeline.yaml', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507', '{"points":"5"}', '{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}', 0, 1795764409142293, 1795764409825068, 1795764414947018, 1795764415057644, 'box', '28d6092aa06a1d24cf473bb1486c3140');

INSERT INTO public.series VALUES (1, '8c5172e6-7cba-42a6-8f6e-d825d6a50e2e', 'loss');
INSERT INTO public.series VALUES (2, 'f8912223-c406-4ae2-85b8-20cac9df1f8f', 'loss');

INSERT INTO public.sources VALUES (1, '530c2138-ca41-4a4f-ac9f-0358af71a25f', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/prepare/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (3, '530c2138-ca41-4a4f-ac9f-0358af71a25f', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/prepare/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (2, '530c2138-ca41-4a4f-ac9f-0358af71a25f', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/prepare/attempt-1/stdout.log#found', 'text', 1, 0, 9, 0, 0, '{"device": 65024, "inode": 11373458, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}', '{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "mlperf": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}', 0, 0, 1, NULL);
INSERT INTO public.sources VALUES (4, '8c5172e6-7cba-42a6-8f6e-d825d6a50e2e', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/train-rate-0.1/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11371253, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (5, 'f8912223-c406-4ae2-85b8-20cac9df1f8f', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/train-rate-0.2/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11370981, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (6, '8c5172e6-7cba-42a6-8f6e-d825d6a50e2e', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/train-rate-0.1/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11372244, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (7, 'f8912223-c406-4ae2-85b8-20cac9df1f8f', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/train-rate-0.2/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11372258, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (8, '426ff330-3267-4f44-807e-1aa803324e48', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/wrong/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (9, '426ff330-3267-4f44-807e-1aa803324e48', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/wrong/attempt-1/stdout.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (10, '426ff330-3267-4f44-807e-1aa803324e48', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/wrong/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (11, '426ff330-3267-4f44-807e-1aa803324e48', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/wrong/attempt-2/metrics.jsonl', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (12, '426ff330-3267-4f44-807e-1aa803324e48', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/wrong/attempt-2/stdout.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (13, '426ff330-3267-4f44-807e-1aa803324e48', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/.trainui/wrong/attempt-2/stderr.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);

INSERT INTO public.stages VALUES ('530c2138-ca41-4a4f-ac9f-0358af71a25f', '116d0734-8497-4acb-aca4-97500a01e507', 0, 'prepare', 'completed', NULL, '{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/prepare', 1, '32d994d8-0142-40fe-a248-6598832fd2be', 1795764409825068, 1795764409856190, 0, NULL, NULL, false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('f8912223-c406-4ae2-85b8-20cac9df1f8f', '116d0734-8497-4acb-aca4-97500a01e507', 2, 'train[rate=0.2]', 'completed', NULL, '{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/train-rate-0.2', 2, '4b465960-bfed-483c-a4c6-e33a50cd7dc5', 1795764411869095, 1795764411892744, 0, NULL, NULL, false, 1, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('426ff330-3267-4f44-807e-1aa803324e48', '116d0734-8497-4acb-aca4-97500a01e507', 3, 'wrong', 'failed', 'exit code 3', '{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/wrong', 2, '0a6de9db-3e3f-4d18-a7ba-3e2e9a76229c', 1795764414840865, 1795764414852700, 3, NULL, 'exit code 3', false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('a16176cb-155f-4b44-82b2-fe8fb647304a', '116d0734-8497-4acb-aca4-97500a01e507', 4, 'after', 'blocked', 'wrong failed', '{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/after', 0, NULL, NULL, 1795764414947018, NULL, NULL, NULL, false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('8c5172e6-7cba-42a6-8f6e-d825d6a50e2e', '116d0734-8497-4acb-aca4-97500a01e507', 1, 'train[rate=0.1]', 'completed', NULL, '{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/116d0734-8497-4acb-aca4-97500a01e507/train-rate-0.1', 2, 'ae84f9b1-8f9e-42ab-9266-7c00a9bee17f', 1795764411843411, 1795764411878594, 0, NULL, NULL, false, 1, NULL, false, false, NULL);

SELECT pg_catalog.setval('public.attempts_id_seq', 7, true);

SELECT pg_catalog.setval('public.chunks_id_seq', 4, true);

SELECT pg_catalog.setval('public.events_id_seq', 36, true);

SELECT pg_catalog.setval('public.series_id_seq', 2, true);

SELECT pg_catalog.setval('public.sources_id_seq', 13, true);

SELECT pg_catalog.setval('public.tails_id_seq', 4, true);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_stage_id_number_key UNIQUE (stage_id, number);

ALTER TABLE ONLY public.chunk_figures
    ADD CONSTRAINT chunk_figures_pkey PRIMARY KEY (series_id, chunk_id);

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.dependencies
    ADD CONSTRAINT dependencies_pkey PRIMARY KEY (stage_id, upstream_id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.flags
    ADD CONSTRAINT flags_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.hosts
    ADD CONSTRAINT hosts_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.log_reads
    ADD CONSTRAINT log_reads_pkey PRIMARY KEY (id);

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

CREATE INDEX ix_attempts_unread ON public.attempts USING btree (host) WHERE (NOT metrics_complete);

CREATE INDEX ix_chunks_open ON public.chunks USING btree (source_id) WHERE open;

CREATE INDEX ix_dependencies_upstream ON public.dependencies USING btree (upstream_id);

CREATE INDEX ix_events_run ON public.events USING btree (run_id, id);

CREATE INDEX ix_log_reads_host ON public.log_reads USING btree (host);

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

