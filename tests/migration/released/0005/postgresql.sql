

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

INSERT INTO public.alembic_version VALUES ('0005');

INSERT INTO public.attempts VALUES (4, 'ce054e1f-848f-4669-a5ed-f6f0d96b1028', 2, 'completed', 'box', 'b530e25f-e385-4861-b840-c46c22a200c2', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.1_-7da1fc94/.trainui/attempt-2', '[["box","cpu",0]]', 1795580910647423, 1795580910655425, 1795580910693679, 1795580910711091, 0, NULL, NULL, NULL, 23736, 23735, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (1, '361c178f-2d55-47c6-a0cb-4250008d5786', 1, 'completed', 'box', 'd316fd73-a9c2-4cd4-a6a2-7ac33305c20f', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/prepare/.trainui/attempt-1', '[["box","cpu",0]]', 1795580909347850, 1795580909410575, 1795580909518098, 1795580909543524, 0, NULL, NULL, NULL, 23683, 23682, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (5, 'cd154d17-a38b-42be-bdfb-e017a08a29d9', 2, 'completed', 'box', 'c7babe5e-3553-445a-b5d2-433cb6a5bfb7', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.2_-7d72c904/.trainui/attempt-2', '[["box","cpu",1]]', 1795580910673859, 1795580910679756, 1795580910707453, 1795580910721138, 0, NULL, NULL, NULL, 23740, 23738, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (2, 'ce054e1f-848f-4669-a5ed-f6f0d96b1028', 1, 'failed', 'box', 'd4469a7f-f37f-4614-95eb-d238e3c54600', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.1_-7da1fc94/.trainui/attempt-1', '[["box","cpu",0]]', 1795580910468362, 1795580910482724, 1795580910532235, 1795580910557578, 1, NULL, 'exit code 1

trained at 0.1', NULL, 23723, 23722, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (3, 'cd154d17-a38b-42be-bdfb-e017a08a29d9', 1, 'failed', 'box', 'f5db7e84-a7e2-416d-9a94-554708bbcc58', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.2_-7d72c904/.trainui/attempt-1', '[["box","cpu",1]]', 1795580910489130, 1795580910498397, 1795580910527629, 1795580910543739, 1, NULL, 'exit code 1

trained at 0.2', NULL, 23720, 23719, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (6, 'dd50552d-6a64-4cd4-ab1c-270c93a4b051', 1, 'failed', 'box', '3c4d25c4-9128-426c-857e-83902bff793e', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong/.trainui/attempt-1', '[["box","cpu",0]]', 1795580910879709, 1795580910881434, 1795580910906144, 1795580910917422, 3, NULL, 'exit code 3', NULL, 23745, 23744, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (7, 'dd50552d-6a64-4cd4-ab1c-270c93a4b051', 2, 'failed', 'box', '05875472-187e-4c14-aea2-c44d1f4340d1', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong/.trainui/attempt-2', '[["box","cpu",0]]', 1795580912496351, 1795580912498860, 1795580912531570, 1795580912542358, 3, NULL, 'exit code 3', NULL, 23770, 23769, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.chunk_stats VALUES (1, 1, 4, 1, 0, 5, 0, 4, 1, 5, 1, 5, 0.11, 0.15, 0.65, 0, 0.15);
INSERT INTO public.chunk_stats VALUES (2, 2, 5, 1, 0, 5, 0, 4, 1, 5, 1, 5, 0.21, 0.25, 1.15, 0, 0.25);
INSERT INTO public.chunk_stats VALUES (1, 3, 6, 2, 0, 5, 5, 9, 1, 5, 1, 5, 0.11, 0.15, 0.65, 0, 0.15);
INSERT INTO public.chunk_stats VALUES (2, 4, 7, 2, 0, 5, 5, 9, 1, 5, 1, 5, 0.21, 0.25, 1.15, 0, 0.25);

INSERT INTO public.chunks VALUES (1, 1, 4, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x000016d85642126106000000000000000000');
INSERT INTO public.chunks VALUES (2, 2, 5, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x000093a25642126106000000000000000000');
INSERT INTO public.chunks VALUES (3, 1, 6, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000db2f5942126106000000000000000000');
INSERT INTO public.chunks VALUES (4, 2, 7, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x000064535942126106000000000000000000');

INSERT INTO public.dependencies VALUES ('ce054e1f-848f-4669-a5ed-f6f0d96b1028', '361c178f-2d55-47c6-a0cb-4250008d5786');
INSERT INTO public.dependencies VALUES ('cd154d17-a38b-42be-bdfb-e017a08a29d9', '361c178f-2d55-47c6-a0cb-4250008d5786');
INSERT INTO public.dependencies VALUES ('dd50552d-6a64-4cd4-ab1c-270c93a4b051', 'ce054e1f-848f-4669-a5ed-f6f0d96b1028');
INSERT INTO public.dependencies VALUES ('dd50552d-6a64-4cd4-ab1c-270c93a4b051', 'cd154d17-a38b-42be-bdfb-e017a08a29d9');
INSERT INTO public.dependencies VALUES ('dcbc03b3-7b1c-4d57-817c-b0ac9cc9faac', 'dd50552d-6a64-4cd4-ab1c-270c93a4b051');

INSERT INTO public.events VALUES (1, '8d74c31a-470f-47f1-b54f-93f626389b9d', NULL, NULL, 1795580907533969, 'submitted', '5 stages submitted');
INSERT INTO public.events VALUES (2, '8d74c31a-470f-47f1-b54f-93f626389b9d', NULL, NULL, 1795580909388254, 'run', 'the run is running');
INSERT INTO public.events VALUES (3, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'prepare', NULL, 1795580909491291, 'running', 'prepare is running');
INSERT INTO public.events VALUES (4, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'prepare', 1, 1795580909518098, 'started', 'prepare started as process 23683');
INSERT INTO public.events VALUES (5, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'prepare', NULL, 1795580910425952, 'completed', 'prepare is completed');
INSERT INTO public.events VALUES (6, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', NULL, 1795580910438278, 'queued', 'train[rate=0.2] is queued');
INSERT INTO public.events VALUES (7, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.1]', NULL, 1795580910438278, 'queued', 'train[rate=0.1] is queued');
INSERT INTO public.events VALUES (8, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', NULL, 1795580910505666, 'running', 'train[rate=0.2] is running');
INSERT INTO public.events VALUES (9, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.1]', NULL, 1795580910515661, 'running', 'train[rate=0.1] is running');
INSERT INTO public.events VALUES (10, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', 1, 1795580910527629, 'started', 'train[rate=0.2] started as process 23720');
INSERT INTO public.events VALUES (11, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.1]', 1, 1795580910532235, 'started', 'train[rate=0.1] started as process 23723');
INSERT INTO public.events VALUES (12, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', 1, 1795580910605341, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO public.events VALUES (13, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.1]', NULL, 1795580910615644, 'queued', 'train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO public.events VALUES (14, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', NULL, 1795580910660363, 'queued', 'train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO public.events VALUES (15, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.1]', NULL, 1795580910671919, 'running', 'train[rate=0.1] is running');
INSERT INTO public.events VALUES (16, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', NULL, 1795580910689263, 'running', 'train[rate=0.2] is running');
INSERT INTO public.events VALUES (17, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.1]', 2, 1795580910693679, 'started', 'train[rate=0.1] started as process 23736');
INSERT INTO public.events VALUES (18, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', 2, 1795580910707453, 'started', 'train[rate=0.2] started as process 23740');
INSERT INTO public.events VALUES (19, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.1]', NULL, 1795580910749193, 'completed', 'train[rate=0.1] is completed');
INSERT INTO public.events VALUES (20, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', 2, 1795580910821377, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO public.events VALUES (21, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'train[rate=0.2]', NULL, 1795580910859589, 'completed', 'train[rate=0.2] is completed');
INSERT INTO public.events VALUES (22, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', NULL, 1795580910861906, 'queued', 'wrong is queued');
INSERT INTO public.events VALUES (23, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', NULL, 1795580910889779, 'running', 'wrong is running');
INSERT INTO public.events VALUES (24, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', 1, 1795580910906144, 'started', 'wrong started as process 23745');
INSERT INTO public.events VALUES (25, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', NULL, 1795580910931909, 'failed', 'wrong is failed: exit code 3');
INSERT INTO public.events VALUES (26, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'after', NULL, 1795580910939341, 'blocked', 'after is blocked: wrong failed');
INSERT INTO public.events VALUES (27, '8d74c31a-470f-47f1-b54f-93f626389b9d', NULL, NULL, 1795580910946909, 'run', 'the run is failed');
INSERT INTO public.events VALUES (28, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', NULL, 1795580912457955, 'pending', 'wrong is pending');
INSERT INTO public.events VALUES (29, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'after', NULL, 1795580912459984, 'pending', 'after is pending');
INSERT INTO public.events VALUES (30, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', NULL, 1795580912466394, 'queued', 'wrong is queued');
INSERT INTO public.events VALUES (31, '8d74c31a-470f-47f1-b54f-93f626389b9d', NULL, NULL, 1795580912478902, 'run', 'the run is running');
INSERT INTO public.events VALUES (32, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', NULL, 1795580912514259, 'running', 'wrong is running');
INSERT INTO public.events VALUES (33, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', 2, 1795580912531570, 'started', 'wrong started as process 23770');
INSERT INTO public.events VALUES (34, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'wrong', NULL, 1795580912565992, 'failed', 'wrong is failed: exit code 3');
INSERT INTO public.events VALUES (35, '8d74c31a-470f-47f1-b54f-93f626389b9d', 'after', NULL, 1795580912570006, 'blocked', 'after is blocked: wrong failed');
INSERT INTO public.events VALUES (36, '8d74c31a-470f-47f1-b54f-93f626389b9d', NULL, NULL, 1795580912572748, 'run', 'the run is failed');

INSERT INTO public.flags VALUES ('notified_event', '1');

INSERT INTO public.hosts VALUES ('box', '339446f97c7f4e5f9b8e398066124acc', 1795580909243589, 'b67af21ce87140dc9786e1a8b139c09a', '[{"kind":"cpu","index":0},{"kind":"cpu","index":1}]', '[]');

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

INSERT INTO public.runs VALUES ('8d74c31a-470f-47f1-b54f-93f626389b9d', 'old', 'failed', 'old', 'ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1', '/home/me/work/pipeline.yaml', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d', '{"points":"5"}', '{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}', 0, 1795580907509747, 1795580909518098, 1795580912569670, 1795580912579269, 'box', 'b67af21ce87140dc9786e1a8b139c09a');

INSERT INTO public.series VALUES (1, 'ce054e1f-848f-4669-a5ed-f6f0d96b1028', 'loss');
INSERT INTO public.series VALUES (2, 'cd154d17-a38b-42be-bdfb-e017a08a29d9', 'loss');

INSERT INTO public.sources VALUES (1, '361c178f-2d55-47c6-a0cb-4250008d5786', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/prepare/.trainui/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (3, '361c178f-2d55-47c6-a0cb-4250008d5786', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/prepare/.trainui/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (2, '361c178f-2d55-47c6-a0cb-4250008d5786', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/prepare/.trainui/attempt-1/stdout.log#found', 'text', 1, 0, 9, 0, 0, '{"device": 65024, "inode": 11716729, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}', '{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "fastai": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}}}', 0, 0, 1, NULL);
INSERT INTO public.sources VALUES (4, 'ce054e1f-848f-4669-a5ed-f6f0d96b1028', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11717864, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (5, 'cd154d17-a38b-42be-bdfb-e017a08a29d9', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11717854, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (6, 'ce054e1f-848f-4669-a5ed-f6f0d96b1028', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11766083, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (7, 'cd154d17-a38b-42be-bdfb-e017a08a29d9', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11766093, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (8, 'dd50552d-6a64-4cd4-ab1c-270c93a4b051', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong/.trainui/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (9, 'dd50552d-6a64-4cd4-ab1c-270c93a4b051', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong/.trainui/attempt-1/stdout.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (10, 'dd50552d-6a64-4cd4-ab1c-270c93a4b051', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong/.trainui/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (11, 'dd50552d-6a64-4cd4-ab1c-270c93a4b051', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong/.trainui/attempt-2/metrics.jsonl', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (12, 'dd50552d-6a64-4cd4-ab1c-270c93a4b051', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong/.trainui/attempt-2/stdout.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (13, 'dd50552d-6a64-4cd4-ab1c-270c93a4b051', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong/.trainui/attempt-2/stderr.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);

INSERT INTO public.stages VALUES ('361c178f-2d55-47c6-a0cb-4250008d5786', '8d74c31a-470f-47f1-b54f-93f626389b9d', 0, 'prepare', 'completed', NULL, '{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/prepare', 1, 'd316fd73-a9c2-4cd4-a6a2-7ac33305c20f', 1795580909518098, 1795580909543524, 0, NULL, NULL, false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('cd154d17-a38b-42be-bdfb-e017a08a29d9', '8d74c31a-470f-47f1-b54f-93f626389b9d', 2, 'train[rate=0.2]', 'completed', NULL, '{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.2_-7d72c904', 2, 'c7babe5e-3553-445a-b5d2-433cb6a5bfb7', 1795580910707453, 1795580910721138, 0, NULL, NULL, false, 1, NULL, false, false);
INSERT INTO public.stages VALUES ('dd50552d-6a64-4cd4-ab1c-270c93a4b051', '8d74c31a-470f-47f1-b54f-93f626389b9d', 3, 'wrong', 'failed', 'exit code 3', '{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/wrong', 2, '05875472-187e-4c14-aea2-c44d1f4340d1', 1795580912531570, 1795580912542358, 3, NULL, 'exit code 3', false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('dcbc03b3-7b1c-4d57-817c-b0ac9cc9faac', '8d74c31a-470f-47f1-b54f-93f626389b9d', 4, 'after', 'blocked', 'wrong failed', '{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/after', 0, NULL, NULL, 1795580912569670, NULL, NULL, NULL, false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('ce054e1f-848f-4669-a5ed-f6f0d96b1028', '8d74c31a-470f-47f1-b54f-93f626389b9d', 1, 'train[rate=0.1]', 'completed', NULL, '{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/8d74c31a-470f-47f1-b54f-93f626389b9d/train_rate=0.1_-7da1fc94', 2, 'b530e25f-e385-4861-b840-c46c22a200c2', 1795580910693679, 1795580910711091, 0, NULL, NULL, false, 1, NULL, false, false);

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

