

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

INSERT INTO public.alembic_version VALUES ('0006');

INSERT INTO public.attempts VALUES (7, 'f60adcaf-1dd9-4866-a99d-72fb959be668', 2, 'failed', 'box', 'c2ce79b0-43a2-42d5-9758-392c6180b852', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong/.trainui/attempt-2', '[["box","cpu",0]]', 1795662738040500, 1795662738044916, 1795662738470930, 1795662738489146, 3, NULL, 'exit code 3', NULL, 30849, 30848, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (1, '01ce3964-b46a-42d8-8a06-4b219cc84157', 1, 'completed', 'box', '457fe7cd-ea91-4777-9b41-0d3e6cf007f1', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/prepare/.trainui/attempt-1', '[["box","cpu",0]]', 1795662728368031, 1795662728670068, 1795662728903302, 1795662728936202, 0, NULL, NULL, NULL, 30760, 30759, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (4, '3bba1e2a-3dcd-44c5-9c20-ac4e5ec184ef', 2, 'completed', 'box', '3d44b57d-2d77-4e6b-9815-6cf2f6524401', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.1_-7da1fc94/.trainui/attempt-2', '[["box","cpu",0]]', 1795662732355685, 1795662732364433, 1795662732427010, 1795662732920381, 0, NULL, NULL, NULL, 30802, 30801, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (5, 'aeb51724-acbd-41d8-ba30-29da5c013771', 2, 'completed', 'box', '287d898c-5ef6-4d62-9edd-6d6a6406fcbe', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.2_-7d72c904/.trainui/attempt-2', '[["box","cpu",1]]', 1795662732669981, 1795662732678697, 1795662732778940, 1795662732926845, 0, NULL, NULL, NULL, 30808, 30807, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (2, '3bba1e2a-3dcd-44c5-9c20-ac4e5ec184ef', 1, 'failed', 'box', '96bd6649-d774-4a3c-9267-903afd115ead', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.1_-7da1fc94/.trainui/attempt-1', '[["box","cpu",0]]', 1795662731712907, 1795662731719776, 1795662731864341, 1795662731883933, 1, NULL, 'exit code 1

trained at 0.1', NULL, 30792, 30791, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (3, 'aeb51724-acbd-41d8-ba30-29da5c013771', 1, 'failed', 'box', '93d02d24-2dde-4507-90c9-9ea7cac10baf', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.2_-7d72c904/.trainui/attempt-1', '[["box","cpu",1]]', 1795662731724241, 1795662731731060, 1795662732134281, 1795662732154918, 1, NULL, 'exit code 1

trained at 0.2', NULL, 30797, 30796, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (6, 'f60adcaf-1dd9-4866-a99d-72fb959be668', 1, 'failed', 'box', 'dc872ebb-b009-4122-bf4a-aff24679822f', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong/.trainui/attempt-1', '[["box","cpu",0]]', 1795662733147328, 1795662733163145, 1795662733228718, 1795662733244907, 3, NULL, 'exit code 3', NULL, 30817, 30816, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.chunk_figures VALUES (1, 1, '\x01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (2, 2, '\x01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');
INSERT INTO public.chunk_figures VALUES (1, 3, '\x01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (2, 4, '\x01000000000000000200000000000000070000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');

INSERT INTO public.chunks VALUES (1, 1, 4, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000471e454f256106000000000000000000');
INSERT INTO public.chunks VALUES (2, 2, 5, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x00002735494f256106000000000000000000');
INSERT INTO public.chunks VALUES (3, 1, 6, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x00005193544f256106000000000000000000');
INSERT INTO public.chunks VALUES (4, 2, 7, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x0000251d554f256106000000000000000000');

INSERT INTO public.dependencies VALUES ('3bba1e2a-3dcd-44c5-9c20-ac4e5ec184ef', '01ce3964-b46a-42d8-8a06-4b219cc84157');
INSERT INTO public.dependencies VALUES ('aeb51724-acbd-41d8-ba30-29da5c013771', '01ce3964-b46a-42d8-8a06-4b219cc84157');
INSERT INTO public.dependencies VALUES ('f60adcaf-1dd9-4866-a99d-72fb959be668', '3bba1e2a-3dcd-44c5-9c20-ac4e5ec184ef');
INSERT INTO public.dependencies VALUES ('f60adcaf-1dd9-4866-a99d-72fb959be668', 'aeb51724-acbd-41d8-ba30-29da5c013771');
INSERT INTO public.dependencies VALUES ('608c98dd-4cb5-4f99-89f3-949e4fceffd8', 'f60adcaf-1dd9-4866-a99d-72fb959be668');

INSERT INTO public.events VALUES (1, 'b9a8e889-68e3-46cb-9570-7197cee87c89', NULL, NULL, 1795662728042502, 'submitted', '5 stages submitted');
INSERT INTO public.events VALUES (2, 'b9a8e889-68e3-46cb-9570-7197cee87c89', NULL, NULL, 1795662728654569, 'run', 'the run is running');
INSERT INTO public.events VALUES (3, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'prepare', NULL, 1795662728780905, 'running', 'prepare is running');
INSERT INTO public.events VALUES (4, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'prepare', 1, 1795662728903302, 'started', 'prepare started as process 30760');
INSERT INTO public.events VALUES (5, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'prepare', NULL, 1795662731666082, 'completed', 'prepare is completed');
INSERT INTO public.events VALUES (6, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.1]', NULL, 1795662731690825, 'queued', 'train[rate=0.1] is queued');
INSERT INTO public.events VALUES (7, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', NULL, 1795662731690825, 'queued', 'train[rate=0.2] is queued');
INSERT INTO public.events VALUES (8, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.1]', NULL, 1795662731805002, 'running', 'train[rate=0.1] is running');
INSERT INTO public.events VALUES (9, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.1]', 1, 1795662731864341, 'started', 'train[rate=0.1] started as process 30792');
INSERT INTO public.events VALUES (10, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', NULL, 1795662731976130, 'running', 'train[rate=0.2] is running');
INSERT INTO public.events VALUES (11, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.1]', NULL, 1795662732160385, 'queued', 'train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO public.events VALUES (12, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', 1, 1795662732134281, 'started', 'train[rate=0.2] started as process 30797');
INSERT INTO public.events VALUES (13, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.1]', NULL, 1795662732374736, 'running', 'train[rate=0.1] is running');
INSERT INTO public.events VALUES (14, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', 1, 1795662732433827, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO public.events VALUES (15, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', NULL, 1795662732623457, 'queued', 'train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO public.events VALUES (16, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.1]', 2, 1795662732427010, 'started', 'train[rate=0.1] started as process 30802');
INSERT INTO public.events VALUES (17, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', NULL, 1795662732699859, 'running', 'train[rate=0.2] is running');
INSERT INTO public.events VALUES (18, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', 2, 1795662732778940, 'started', 'train[rate=0.2] started as process 30808');
INSERT INTO public.events VALUES (19, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', 2, 1795662733014380, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO public.events VALUES (20, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.1]', NULL, 1795662733033292, 'completed', 'train[rate=0.1] is completed');
INSERT INTO public.events VALUES (21, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'train[rate=0.2]', NULL, 1795662733098099, 'completed', 'train[rate=0.2] is completed');
INSERT INTO public.events VALUES (22, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', NULL, 1795662733107767, 'queued', 'wrong is queued');
INSERT INTO public.events VALUES (23, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', NULL, 1795662733178467, 'running', 'wrong is running');
INSERT INTO public.events VALUES (24, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', 1, 1795662733228718, 'started', 'wrong started as process 30817');
INSERT INTO public.events VALUES (25, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', NULL, 1795662733355814, 'failed', 'wrong is failed: exit code 3');
INSERT INTO public.events VALUES (26, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'after', NULL, 1795662733371301, 'blocked', 'after is blocked: wrong failed');
INSERT INTO public.events VALUES (27, 'b9a8e889-68e3-46cb-9570-7197cee87c89', NULL, NULL, 1795662733386945, 'run', 'the run is failed');
INSERT INTO public.events VALUES (28, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', NULL, 1795662737813962, 'pending', 'wrong is pending');
INSERT INTO public.events VALUES (29, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'after', NULL, 1795662737826986, 'pending', 'after is pending');
INSERT INTO public.events VALUES (30, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', NULL, 1795662737845905, 'queued', 'wrong is queued');
INSERT INTO public.events VALUES (31, 'b9a8e889-68e3-46cb-9570-7197cee87c89', NULL, NULL, 1795662737917994, 'run', 'the run is running');
INSERT INTO public.events VALUES (32, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', NULL, 1795662738137008, 'running', 'wrong is running');
INSERT INTO public.events VALUES (33, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', 2, 1795662738470930, 'started', 'wrong started as process 30849');
INSERT INTO public.events VALUES (34, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'wrong', NULL, 1795662738526004, 'failed', 'wrong is failed: exit code 3');
INSERT INTO public.events VALUES (35, 'b9a8e889-68e3-46cb-9570-7197cee87c89', 'after', NULL, 1795662738529891, 'blocked', 'after is blocked: wrong failed');
INSERT INTO public.events VALUES (36, 'b9a8e889-68e3-46cb-9570-7197cee87c89', NULL, NULL, 1795662738533552, 'run', 'the run is failed');

INSERT INTO public.flags VALUES ('notified_event', '1');

INSERT INTO public.hosts VALUES ('box', 'ff5bc8b8b5a741efb7b3996d5c4dc8dd', 1795662738544496, '1d030df172994f1ca8bfc17c29f17c7e', '[{"kind":"cpu","index":0},{"kind":"cpu","index":1}]', '[]');

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

INSERT INTO public.runs VALUES ('b9a8e889-68e3-46cb-9570-7197cee87c89', 'old', 'failed', 'old', 'ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1', '/home/me/work/pipeline.yaml', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89', '{"points":"5"}', '{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}', 0, 1795662728008399, 1795662728903302, 1795662738529303, 1795662738560409, 'box', '1d030df172994f1ca8bfc17c29f17c7e');

INSERT INTO public.series VALUES (1, '3bba1e2a-3dcd-44c5-9c20-ac4e5ec184ef', 'loss');
INSERT INTO public.series VALUES (2, 'aeb51724-acbd-41d8-ba30-29da5c013771', 'loss');

INSERT INTO public.sources VALUES (1, '01ce3964-b46a-42d8-8a06-4b219cc84157', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/prepare/.trainui/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (3, '01ce3964-b46a-42d8-8a06-4b219cc84157', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/prepare/.trainui/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (2, '01ce3964-b46a-42d8-8a06-4b219cc84157', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/prepare/.trainui/attempt-1/stdout.log#found', 'text', 1, 0, 9, 0, 0, '{"device": 65024, "inode": 11413571, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}', '{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}', 0, 0, 1, NULL);
INSERT INTO public.sources VALUES (4, '3bba1e2a-3dcd-44c5-9c20-ac4e5ec184ef', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11413582, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (5, 'aeb51724-acbd-41d8-ba30-29da5c013771', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11413596, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (6, '3bba1e2a-3dcd-44c5-9c20-ac4e5ec184ef', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11413619, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (7, 'aeb51724-acbd-41d8-ba30-29da5c013771', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11413629, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (8, 'f60adcaf-1dd9-4866-a99d-72fb959be668', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong/.trainui/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (9, 'f60adcaf-1dd9-4866-a99d-72fb959be668', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong/.trainui/attempt-1/stdout.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (10, 'f60adcaf-1dd9-4866-a99d-72fb959be668', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong/.trainui/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (11, 'f60adcaf-1dd9-4866-a99d-72fb959be668', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong/.trainui/attempt-2/metrics.jsonl', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (12, 'f60adcaf-1dd9-4866-a99d-72fb959be668', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong/.trainui/attempt-2/stdout.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (13, 'f60adcaf-1dd9-4866-a99d-72fb959be668', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong/.trainui/attempt-2/stderr.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);

INSERT INTO public.stages VALUES ('01ce3964-b46a-42d8-8a06-4b219cc84157', 'b9a8e889-68e3-46cb-9570-7197cee87c89', 0, 'prepare', 'completed', NULL, '{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/prepare', 1, '457fe7cd-ea91-4777-9b41-0d3e6cf007f1', 1795662728903302, 1795662728936202, 0, NULL, NULL, false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('aeb51724-acbd-41d8-ba30-29da5c013771', 'b9a8e889-68e3-46cb-9570-7197cee87c89', 2, 'train[rate=0.2]', 'completed', NULL, '{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.2_-7d72c904', 2, '287d898c-5ef6-4d62-9edd-6d6a6406fcbe', 1795662732778940, 1795662732926845, 0, NULL, NULL, false, 1, NULL, false, false);
INSERT INTO public.stages VALUES ('f60adcaf-1dd9-4866-a99d-72fb959be668', 'b9a8e889-68e3-46cb-9570-7197cee87c89', 3, 'wrong', 'failed', 'exit code 3', '{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/wrong', 2, 'c2ce79b0-43a2-42d5-9758-392c6180b852', 1795662738470930, 1795662738489146, 3, NULL, 'exit code 3', false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('608c98dd-4cb5-4f99-89f3-949e4fceffd8', 'b9a8e889-68e3-46cb-9570-7197cee87c89', 4, 'after', 'blocked', 'wrong failed', '{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/after', 0, NULL, NULL, 1795662738529303, NULL, NULL, NULL, false, 0, NULL, false, false);
INSERT INTO public.stages VALUES ('3bba1e2a-3dcd-44c5-9c20-ac4e5ec184ef', 'b9a8e889-68e3-46cb-9570-7197cee87c89', 1, 'train[rate=0.1]', 'completed', NULL, '{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/b9a8e889-68e3-46cb-9570-7197cee87c89/train_rate=0.1_-7da1fc94', 2, '3d44b57d-2d77-4e6b-9815-6cf2f6524401', 1795662732427010, 1795662732920381, 0, NULL, NULL, false, 1, NULL, false, false);

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

