

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
    place character varying,
    note character varying,
    verdict character varying
);

CREATE TABLE public.searches (
    run_id text NOT NULL,
    name character varying NOT NULL,
    sampler character varying NOT NULL,
    state bytea,
    importance_json character varying
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

CREATE TABLE public.trials (
    stage_id text NOT NULL,
    run_id character varying NOT NULL,
    search character varying NOT NULL,
    number integer NOT NULL,
    state character varying NOT NULL,
    value double precision,
    step double precision,
    reason character varying
);

ALTER TABLE ONLY public.attempts ALTER COLUMN id SET DEFAULT nextval('public.attempts_id_seq'::regclass);

ALTER TABLE ONLY public.chunks ALTER COLUMN id SET DEFAULT nextval('public.chunks_id_seq'::regclass);

ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);

ALTER TABLE ONLY public.series ALTER COLUMN id SET DEFAULT nextval('public.series_id_seq'::regclass);

ALTER TABLE ONLY public.sources ALTER COLUMN id SET DEFAULT nextval('public.sources_id_seq'::regclass);

ALTER TABLE ONLY public.tails ALTER COLUMN id SET DEFAULT nextval('public.tails_id_seq'::regclass);

INSERT INTO public.alembic_version VALUES ('0010');

INSERT INTO public.attempts VALUES (4, 'f1cd1d05-3686-4222-af82-1cd77bb0e58c', 2, 'completed', 'box', '313f8ffb-0831-4f45-b3fa-685d6aa573a6', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/train-rate-0.1/attempt-2', '[["box","cpu",0]]', 1795778214487904, 1795778214490775, 1795778214674802, 1795778214748637, 0, NULL, NULL, NULL, 29559, 29555, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (1, 'a3842a5f-0a45-4b9b-89f6-2889ad652ade', 1, 'completed', 'box', '7a1a8816-58b3-4875-93ac-5c9dfd39b8cb', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/prepare/attempt-1', '[["box","cpu",0]]', 1795778208304863, 1795778208361023, 1795778208661307, 1795778208741657, 0, NULL, NULL, NULL, 29152, 29151, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (5, '1daa9b8b-c6eb-4c92-b9af-5bbb1cd3a4e3', 2, 'completed', 'box', 'b15c1f99-cec3-4a9d-a759-f6688fdf0b02', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/train-rate-0.2/attempt-2', '[["box","cpu",1]]', 1795778214601610, 1795778214644949, 1795778214846744, 1795778214884101, 0, NULL, NULL, NULL, 29564, 29563, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (2, 'f1cd1d05-3686-4222-af82-1cd77bb0e58c', 1, 'failed', 'box', '1fa02c56-c419-4992-8162-8c0d581a777f', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/train-rate-0.1/attempt-1', '[["box","cpu",0]]', 1795778213435474, 1795778213445440, 1795778213668488, 1795778213709181, 1, NULL, 'exit code 1

trained at 0.1', NULL, 29494, 29491, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (3, '1daa9b8b-c6eb-4c92-b9af-5bbb1cd3a4e3', 1, 'failed', 'box', '8fa3f9ba-0fc0-4cf6-9b0e-c7266b686b36', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/train-rate-0.2/attempt-1', '[["box","cpu",1]]', 1795778213474103, 1795778213517066, 1795778213678934, 1795778213731066, 1, NULL, 'exit code 1

trained at 0.2', NULL, 29495, 29493, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (6, '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', 1, 'failed', 'box', 'e0a08668-8b60-4f90-8dd4-91d652d7c3b2', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/wrong/attempt-1', '[["box","cpu",0]]', 1795778215689773, 1795778215709886, 1795778215813145, 1795778215854022, 3, NULL, 'exit code 3', NULL, 29736, 29734, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (7, '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', 2, 'failed', 'box', '4ffc847a-dd62-4662-a724-f022d650463e', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/wrong/attempt-2', '[["box","cpu",0]]', 1795778227305601, 1795778227314224, 1795778227447342, 1795778227482208, 3, NULL, 'exit code 3', NULL, 30616, 30615, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.chunk_figures VALUES (2, 1, '\x01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (1, 2, '\x01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');
INSERT INTO public.chunk_figures VALUES (2, 3, '\x01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (1, 4, '\x01000000000000000200000000000000070000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');

INSERT INTO public.chunks VALUES (1, 2, 4, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x000049ec8532406106000000000000000000');
INSERT INTO public.chunks VALUES (2, 1, 5, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x0000f1558632406106000000000000000000');
INSERT INTO public.chunks VALUES (3, 2, 6, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x000073759532406106000000000000000000');
INSERT INTO public.chunks VALUES (4, 1, 7, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x00002ed59732406106000000000000000000');

INSERT INTO public.dependencies VALUES ('f1cd1d05-3686-4222-af82-1cd77bb0e58c', 'a3842a5f-0a45-4b9b-89f6-2889ad652ade');
INSERT INTO public.dependencies VALUES ('1daa9b8b-c6eb-4c92-b9af-5bbb1cd3a4e3', 'a3842a5f-0a45-4b9b-89f6-2889ad652ade');
INSERT INTO public.dependencies VALUES ('1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', 'f1cd1d05-3686-4222-af82-1cd77bb0e58c');
INSERT INTO public.dependencies VALUES ('1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', '1daa9b8b-c6eb-4c92-b9af-5bbb1cd3a4e3');
INSERT INTO public.dependencies VALUES ('486acb08-c769-4fbf-bbbc-9e3db0a951b3', '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5');

INSERT INTO public.events VALUES (1, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', NULL, NULL, 1795778207944466, 'submitted', '5 stages submitted', NULL);
INSERT INTO public.events VALUES (2, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'prepare', NULL, 1795778208544213, 'running', 'prepare started', NULL);
INSERT INTO public.events VALUES (3, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', NULL, NULL, 1795778208579922, 'run', 'run started', '{"status":"running"}');
INSERT INTO public.events VALUES (4, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'prepare', 1, 1795778208661307, 'started', 'prepare started as process 29152', NULL);
INSERT INTO public.events VALUES (5, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'prepare', NULL, 1795778213313113, 'completed', 'prepare completed', NULL);
INSERT INTO public.events VALUES (6, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', NULL, 1795778213342704, 'queued', 'train[rate=0.2] queued', NULL);
INSERT INTO public.events VALUES (7, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.1]', NULL, 1795778213342704, 'queued', 'train[rate=0.1] queued', NULL);
INSERT INTO public.events VALUES (8, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.1]', NULL, 1795778213601861, 'running', 'train[rate=0.1] started', NULL);
INSERT INTO public.events VALUES (9, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', NULL, 1795778213639732, 'running', 'train[rate=0.2] started', NULL);
INSERT INTO public.events VALUES (10, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.1]', 1, 1795778213668488, 'started', 'train[rate=0.1] started as process 29494', NULL);
INSERT INTO public.events VALUES (11, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', 1, 1795778213678934, 'started', 'train[rate=0.2] started as process 29495', NULL);
INSERT INTO public.events VALUES (12, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', 1, 1795778213971829, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22', '{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO public.events VALUES (13, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.1]', NULL, 1795778214380804, 'queued', 'train[rate=0.1] queued: retry 1 of 1: exit code 1', NULL);
INSERT INTO public.events VALUES (14, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', NULL, 1795778214472254, 'queued', 'train[rate=0.2] queued: retry 1 of 1: exit code 1', NULL);
INSERT INTO public.events VALUES (15, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.1]', NULL, 1795778214540743, 'running', 'train[rate=0.1] started', NULL);
INSERT INTO public.events VALUES (16, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', NULL, 1795778214712391, 'running', 'train[rate=0.2] started', NULL);
INSERT INTO public.events VALUES (17, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.1]', 2, 1795778214674802, 'started', 'train[rate=0.1] started as process 29559', NULL);
INSERT INTO public.events VALUES (18, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', 2, 1795778214846744, 'started', 'train[rate=0.2] started as process 29564', NULL);
INSERT INTO public.events VALUES (19, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', 2, 1795778215113888, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22', '{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO public.events VALUES (20, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.1]', NULL, 1795778215366649, 'completed', 'train[rate=0.1] completed', NULL);
INSERT INTO public.events VALUES (21, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'train[rate=0.2]', NULL, 1795778215596848, 'completed', 'train[rate=0.2] completed', NULL);
INSERT INTO public.events VALUES (22, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', NULL, 1795778215613439, 'queued', 'wrong queued', NULL);
INSERT INTO public.events VALUES (23, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', NULL, 1795778215752863, 'running', 'wrong started', NULL);
INSERT INTO public.events VALUES (24, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', 1, 1795778215813145, 'started', 'wrong started as process 29736', NULL);
INSERT INTO public.events VALUES (25, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', NULL, 1795778215952514, 'failed', 'wrong failed: exit code 3', NULL);
INSERT INTO public.events VALUES (26, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'after', NULL, 1795778215988822, 'blocked', 'after blocked: wrong failed', NULL);
INSERT INTO public.events VALUES (27, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', NULL, NULL, 1795778216028817, 'run', 'run failed', '{"status":"failed"}');
INSERT INTO public.events VALUES (28, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', NULL, 1795778227240546, 'pending', 'wrong pending', NULL);
INSERT INTO public.events VALUES (29, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'after', NULL, 1795778227250294, 'pending', 'after pending', NULL);
INSERT INTO public.events VALUES (30, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', NULL, 1795778227263874, 'queued', 'wrong queued', NULL);
INSERT INTO public.events VALUES (31, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', NULL, NULL, 1795778227274588, 'run', 'run started', '{"status":"running"}');
INSERT INTO public.events VALUES (32, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', NULL, 1795778227362512, 'running', 'wrong started', NULL);
INSERT INTO public.events VALUES (33, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', 2, 1795778227447342, 'started', 'wrong started as process 30616', NULL);
INSERT INTO public.events VALUES (34, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'wrong', NULL, 1795778227616350, 'failed', 'wrong failed: exit code 3', NULL);
INSERT INTO public.events VALUES (35, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'after', NULL, 1795778227636880, 'blocked', 'after blocked: wrong failed', NULL);
INSERT INTO public.events VALUES (36, '0c05de66-dbd3-47d0-b491-1a622a02c0e5', NULL, NULL, 1795778227658877, 'run', 'run failed', '{"status":"failed"}');

INSERT INTO public.flags VALUES ('notified_event', '0');

INSERT INTO public.hosts VALUES ('box', '7fa6d4b2bfebf595d09c0f482f2ba59c', 1795778227286240, 'ced2dc82115f9abbe25c38d28f622eb3', '[{"kind":"cpu","index":0},{"kind":"cpu","index":1}]', '[]');

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

INSERT INTO public.runs VALUES ('0c05de66-dbd3-47d0-b491-1a622a02c0e5', 'old', 'failed', 'old', 'ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1', '/home/me/work/pipeline.yaml', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5', '{"points":"5"}', '{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}', 0, 1795778207892115, 1795778208661307, 1795778227625329, 1795778227773953, 'box', 'ced2dc82115f9abbe25c38d28f622eb3', NULL, NULL);

INSERT INTO public.series VALUES (1, '1daa9b8b-c6eb-4c92-b9af-5bbb1cd3a4e3', 'loss');
INSERT INTO public.series VALUES (2, 'f1cd1d05-3686-4222-af82-1cd77bb0e58c', 'loss');

INSERT INTO public.sources VALUES (1, 'a3842a5f-0a45-4b9b-89f6-2889ad652ade', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/prepare/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (3, 'a3842a5f-0a45-4b9b-89f6-2889ad652ade', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/prepare/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (2, 'a3842a5f-0a45-4b9b-89f6-2889ad652ade', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/prepare/attempt-1/stdout.log#found', 'text', 1, 0, 9, 0, 0, '{"device": 65024, "inode": 11389119, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}', '{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "mlperf": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}', 0, 0, 1, NULL);
INSERT INTO public.sources VALUES (4, 'f1cd1d05-3686-4222-af82-1cd77bb0e58c', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/train-rate-0.1/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11389134, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (5, '1daa9b8b-c6eb-4c92-b9af-5bbb1cd3a4e3', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/train-rate-0.2/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11389153, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (6, 'f1cd1d05-3686-4222-af82-1cd77bb0e58c', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/train-rate-0.1/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11389167, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (7, '1daa9b8b-c6eb-4c92-b9af-5bbb1cd3a4e3', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/train-rate-0.2/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11389169, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (8, '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/wrong/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (9, '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/wrong/attempt-1/stdout.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (10, '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/wrong/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (11, '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/wrong/attempt-2/metrics.jsonl', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (12, '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/wrong/attempt-2/stdout.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (13, '1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/.trainui/wrong/attempt-2/stderr.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);

INSERT INTO public.stages VALUES ('1a81bf49-65e8-4601-8798-dfe9bf2b4ca5', '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 3, 'wrong', 'failed', 'exit code 3', '{"name":"wrong","group":"wrong","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/wrong', 2, '4ffc847a-dd62-4662-a724-f022d650463e', 1795778227447342, 1795778227482208, 3, NULL, 'exit code 3', false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('486acb08-c769-4fbf-bbbc-9e3db0a951b3', '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 4, 'after', 'blocked', 'wrong failed', '{"name":"after","group":"after","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/after', 0, NULL, NULL, 1795778227625329, NULL, NULL, NULL, false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('a3842a5f-0a45-4b9b-89f6-2889ad652ade', '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 0, 'prepare', 'completed', NULL, '{"name":"prepare","group":"prepare","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo prepared | tee /home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/prepare', 1, '7a1a8816-58b3-4875-93ac-5c9dfd39b8cb', 1795778208661307, 1795778208741657, 0, NULL, NULL, false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('1daa9b8b-c6eb-4c92-b9af-5bbb1cd3a4e3', '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 2, 'train[rate=0.2]', 'completed', NULL, '{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/train-rate-0.2', 2, 'b15c1f99-cec3-4a9d-a759-f6688fdf0b02', 1795778214846744, 1795778214884101, 0, NULL, NULL, false, 1, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('f1cd1d05-3686-4222-af82-1cd77bb0e58c', '0c05de66-dbd3-47d0-b491-1a622a02c0e5', 1, 'train[rate=0.1]', 'completed', NULL, '{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/0c05de66-dbd3-47d0-b491-1a622a02c0e5/train-rate-0.1', 2, '313f8ffb-0831-4f45-b3fa-685d6aa573a6', 1795778214674802, 1795778214748637, 0, NULL, NULL, false, 1, NULL, false, false, NULL);

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

ALTER TABLE ONLY public.searches
    ADD CONSTRAINT searches_pkey PRIMARY KEY (run_id, name);

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

ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_pkey PRIMARY KEY (stage_id);

ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_run_id_search_number_key UNIQUE (run_id, search, number);

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

CREATE INDEX ix_trials_state ON public.trials USING btree (state);

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

ALTER TABLE ONLY public.searches
    ADD CONSTRAINT searches_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.slots
    ADD CONSTRAINT slots_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES public.attempts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.stages
    ADD CONSTRAINT stages_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.trials
    ADD CONSTRAINT trials_stage_id_fkey FOREIGN KEY (stage_id) REFERENCES public.stages(id) ON DELETE CASCADE;

