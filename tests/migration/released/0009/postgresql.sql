

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

CREATE TABLE public.searches (
    run_id text NOT NULL,
    name character varying NOT NULL,
    sampler character varying NOT NULL,
    state bytea
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

INSERT INTO public.alembic_version VALUES ('0009');

INSERT INTO public.attempts VALUES (1, '9c23d9c5-6f85-4313-b25a-66b28b0def69', 1, 'completed', 'box', '27cb7178-3001-4636-bd32-c2450168f5c8', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/prepare/attempt-1', '[["box","cpu",0]]', 1795765101612940, 1795765101669784, 1795765101862650, 1795765101908617, 0, NULL, NULL, NULL, 27810, 27809, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (4, '7367792f-e18b-46bc-8a8d-6e684fca1693', 2, 'completed', 'box', '2a882995-7467-499b-ab47-e8c845fabb4b', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/train-rate-0.1/attempt-2', '[["box","cpu",0]]', 1795765104745875, 1795765104752433, 1795765104858485, 1795765104897901, 0, NULL, NULL, NULL, 27884, 27882, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (5, '81bf4160-cdd1-4041-993a-96ea9d222d85', 2, 'completed', 'box', 'ebc95587-1d3a-45a8-90af-c3706f95df45', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/train-rate-0.2/attempt-2', '[["box","cpu",1]]', 1795765104834565, 1795765104851208, 1795765104910838, 1795765104946789, 0, NULL, NULL, NULL, 27890, 27889, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (2, '7367792f-e18b-46bc-8a8d-6e684fca1693', 1, 'failed', 'box', '8ce8c564-bedf-4d90-8386-fd3e20afe9ac', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/train-rate-0.1/attempt-1', '[["box","cpu",0]]', 1795765104320803, 1795765104331265, 1795765104429130, 1795765104466546, 1, NULL, 'exit code 1

trained at 0.1', NULL, 27856, 27855, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (3, '81bf4160-cdd1-4041-993a-96ea9d222d85', 1, 'failed', 'box', '1a3ffc0e-bdc7-4010-94b0-286024d13dcb', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/train-rate-0.2/attempt-1', '[["box","cpu",1]]', 1795765104348844, 1795765104353945, 1795765104466054, 1795765104482969, 1, NULL, 'exit code 1

trained at 0.2', NULL, 27860, 27858, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (6, 'e82c0bcd-b053-4479-95f7-84fb26b797c4', 1, 'failed', 'box', '03880933-beec-4549-8986-1a80314ce679', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/wrong/attempt-1', '[["box","cpu",0]]', 1795765105200743, 1795765105219183, 1795765105271486, 1795765105280766, 3, NULL, 'exit code 3', NULL, 27926, 27925, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (7, 'e82c0bcd-b053-4479-95f7-84fb26b797c4', 2, 'failed', 'box', '1565ae9c-9da3-4ac4-9e3a-0681cea1bfb1', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/wrong/attempt-2', '[["box","cpu",0]]', 1795765109058728, 1795765109077719, 1795765109161908, 1795765109190067, 3, NULL, 'exit code 3', NULL, 28221, 28218, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.chunk_figures VALUES (1, 1, '\x01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (2, 2, '\x01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');
INSERT INTO public.chunk_figures VALUES (1, 3, '\x01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (2, 4, '\x01000000000000000200000000000000070000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');

INSERT INTO public.chunks VALUES (1, 1, 4, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000ffc026253d6106000000000000000000');
INSERT INTO public.chunks VALUES (2, 2, 5, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x0000081927253d6106000000000000000000');
INSERT INTO public.chunks VALUES (3, 1, 6, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x000075632d253d6106000000000000000000');
INSERT INTO public.chunks VALUES (4, 2, 7, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x000082282e253d6106000000000000000000');

INSERT INTO public.dependencies VALUES ('7367792f-e18b-46bc-8a8d-6e684fca1693', '9c23d9c5-6f85-4313-b25a-66b28b0def69');
INSERT INTO public.dependencies VALUES ('81bf4160-cdd1-4041-993a-96ea9d222d85', '9c23d9c5-6f85-4313-b25a-66b28b0def69');
INSERT INTO public.dependencies VALUES ('e82c0bcd-b053-4479-95f7-84fb26b797c4', '7367792f-e18b-46bc-8a8d-6e684fca1693');
INSERT INTO public.dependencies VALUES ('e82c0bcd-b053-4479-95f7-84fb26b797c4', '81bf4160-cdd1-4041-993a-96ea9d222d85');
INSERT INTO public.dependencies VALUES ('a9dcd0a6-0e62-4b42-bda4-e9fe0391e981', 'e82c0bcd-b053-4479-95f7-84fb26b797c4');

INSERT INTO public.events VALUES (1, 'f5c3428f-46fd-47dc-ac07-361f2914c415', NULL, NULL, 1795765100955038, 'submitted', '5 stages submitted', NULL);
INSERT INTO public.events VALUES (2, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'prepare', NULL, 1795765101832548, 'running', 'prepare started', NULL);
INSERT INTO public.events VALUES (3, 'f5c3428f-46fd-47dc-ac07-361f2914c415', NULL, NULL, 1795765101838854, 'run', 'run started', '{"status":"running"}');
INSERT INTO public.events VALUES (4, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'prepare', 1, 1795765101862650, 'started', 'prepare started as process 27810', NULL);
INSERT INTO public.events VALUES (5, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'prepare', NULL, 1795765104269242, 'completed', 'prepare completed', NULL);
INSERT INTO public.events VALUES (6, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.1]', NULL, 1795765104281488, 'queued', 'train[rate=0.1] queued', NULL);
INSERT INTO public.events VALUES (7, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', NULL, 1795765104281488, 'queued', 'train[rate=0.2] queued', NULL);
INSERT INTO public.events VALUES (8, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.1]', NULL, 1795765104370392, 'running', 'train[rate=0.1] started', NULL);
INSERT INTO public.events VALUES (9, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', NULL, 1795765104413470, 'running', 'train[rate=0.2] started', NULL);
INSERT INTO public.events VALUES (10, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.1]', 1, 1795765104429130, 'started', 'train[rate=0.1] started as process 27856', NULL);
INSERT INTO public.events VALUES (11, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', 1, 1795765104466054, 'started', 'train[rate=0.2] started as process 27860', NULL);
INSERT INTO public.events VALUES (12, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', 1, 1795765104618745, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22', '{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO public.events VALUES (13, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.1]', NULL, 1795765104701040, 'queued', 'train[rate=0.1] queued: retry 1 of 1: exit code 1', NULL);
INSERT INTO public.events VALUES (14, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', NULL, 1795765104726349, 'queued', 'train[rate=0.2] queued: retry 1 of 1: exit code 1', NULL);
INSERT INTO public.events VALUES (15, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.1]', NULL, 1795765104800939, 'running', 'train[rate=0.1] started', NULL);
INSERT INTO public.events VALUES (16, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', NULL, 1795765104872440, 'running', 'train[rate=0.2] started', NULL);
INSERT INTO public.events VALUES (17, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.1]', 2, 1795765104858485, 'started', 'train[rate=0.1] started as process 27884', NULL);
INSERT INTO public.events VALUES (18, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', 2, 1795765104910838, 'started', 'train[rate=0.2] started as process 27890', NULL);
INSERT INTO public.events VALUES (19, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', 2, 1795765105013667, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22', '{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO public.events VALUES (20, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.1]', NULL, 1795765105105113, 'completed', 'train[rate=0.1] completed', NULL);
INSERT INTO public.events VALUES (21, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'train[rate=0.2]', NULL, 1795765105136402, 'completed', 'train[rate=0.2] completed', NULL);
INSERT INTO public.events VALUES (22, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', NULL, 1795765105146318, 'queued', 'wrong queued', NULL);
INSERT INTO public.events VALUES (23, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', NULL, 1795765105245832, 'running', 'wrong started', NULL);
INSERT INTO public.events VALUES (24, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', 1, 1795765105271486, 'started', 'wrong started as process 27926', NULL);
INSERT INTO public.events VALUES (25, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', NULL, 1795765105381830, 'failed', 'wrong failed: exit code 3', NULL);
INSERT INTO public.events VALUES (26, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'after', NULL, 1795765105403964, 'blocked', 'after blocked: wrong failed', NULL);
INSERT INTO public.events VALUES (27, 'f5c3428f-46fd-47dc-ac07-361f2914c415', NULL, NULL, 1795765105426972, 'run', 'run failed', '{"status":"failed"}');
INSERT INTO public.events VALUES (28, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', NULL, 1795765108984856, 'pending', 'wrong pending', NULL);
INSERT INTO public.events VALUES (29, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'after', NULL, 1795765108994167, 'pending', 'after pending', NULL);
INSERT INTO public.events VALUES (30, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', NULL, 1795765109004079, 'queued', 'wrong queued', NULL);
INSERT INTO public.events VALUES (31, 'f5c3428f-46fd-47dc-ac07-361f2914c415', NULL, NULL, 1795765109025086, 'run', 'run started', '{"status":"running"}');
INSERT INTO public.events VALUES (32, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', NULL, 1795765109116377, 'running', 'wrong started', NULL);
INSERT INTO public.events VALUES (33, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', 2, 1795765109161908, 'started', 'wrong started as process 28221', NULL);
INSERT INTO public.events VALUES (34, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'wrong', NULL, 1795765109235065, 'failed', 'wrong failed: exit code 3', NULL);
INSERT INTO public.events VALUES (35, 'f5c3428f-46fd-47dc-ac07-361f2914c415', 'after', NULL, 1795765109236723, 'blocked', 'after blocked: wrong failed', NULL);
INSERT INTO public.events VALUES (36, 'f5c3428f-46fd-47dc-ac07-361f2914c415', NULL, NULL, 1795765109239858, 'run', 'run failed', '{"status":"failed"}');

INSERT INTO public.flags VALUES ('notified_event', '1');

INSERT INTO public.hosts VALUES ('box', '4de987df59c72ffb0286281e3a7601b2', 1795765101362958, '6d3143e3a7b8badeff060a46c57e4473', '[{"kind":"cpu","index":0},{"kind":"cpu","index":1}]', '[]');

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

INSERT INTO public.runs VALUES ('f5c3428f-46fd-47dc-ac07-361f2914c415', 'old', 'failed', 'old', 'ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1', '/home/me/work/pipeline.yaml', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415', '{"points":"5"}', '{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}', 0, 1795765100946507, 1795765101862650, 1795765109236296, 1795765109286642, 'box', '6d3143e3a7b8badeff060a46c57e4473');

INSERT INTO public.series VALUES (1, '7367792f-e18b-46bc-8a8d-6e684fca1693', 'loss');
INSERT INTO public.series VALUES (2, '81bf4160-cdd1-4041-993a-96ea9d222d85', 'loss');

INSERT INTO public.sources VALUES (1, '9c23d9c5-6f85-4313-b25a-66b28b0def69', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/prepare/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (3, '9c23d9c5-6f85-4313-b25a-66b28b0def69', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/prepare/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (2, '9c23d9c5-6f85-4313-b25a-66b28b0def69', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/prepare/attempt-1/stdout.log#found', 'text', 1, 0, 9, 0, 0, '{"device": 65024, "inode": 11469197, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}', '{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "mlperf": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}', 0, 0, 1, NULL);
INSERT INTO public.sources VALUES (4, '7367792f-e18b-46bc-8a8d-6e684fca1693', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/train-rate-0.1/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11469290, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (5, '81bf4160-cdd1-4041-993a-96ea9d222d85', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/train-rate-0.2/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11469283, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (6, '7367792f-e18b-46bc-8a8d-6e684fca1693', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/train-rate-0.1/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11469306, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (7, '81bf4160-cdd1-4041-993a-96ea9d222d85', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/train-rate-0.2/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11469308, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (8, 'e82c0bcd-b053-4479-95f7-84fb26b797c4', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/wrong/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (9, 'e82c0bcd-b053-4479-95f7-84fb26b797c4', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/wrong/attempt-1/stdout.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (10, 'e82c0bcd-b053-4479-95f7-84fb26b797c4', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/wrong/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (11, 'e82c0bcd-b053-4479-95f7-84fb26b797c4', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/wrong/attempt-2/metrics.jsonl', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (12, 'e82c0bcd-b053-4479-95f7-84fb26b797c4', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/wrong/attempt-2/stdout.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (13, 'e82c0bcd-b053-4479-95f7-84fb26b797c4', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/.trainui/wrong/attempt-2/stderr.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);

INSERT INTO public.stages VALUES ('e82c0bcd-b053-4479-95f7-84fb26b797c4', 'f5c3428f-46fd-47dc-ac07-361f2914c415', 3, 'wrong', 'failed', 'exit code 3', '{"name":"wrong","group":"wrong","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/wrong', 2, '1565ae9c-9da3-4ac4-9e3a-0681cea1bfb1', 1795765109161908, 1795765109190067, 3, NULL, 'exit code 3', false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('a9dcd0a6-0e62-4b42-bda4-e9fe0391e981', 'f5c3428f-46fd-47dc-ac07-361f2914c415', 4, 'after', 'blocked', 'wrong failed', '{"name":"after","group":"after","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/after', 0, NULL, NULL, 1795765109236296, NULL, NULL, NULL, false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('9c23d9c5-6f85-4313-b25a-66b28b0def69', 'f5c3428f-46fd-47dc-ac07-361f2914c415', 0, 'prepare', 'completed', NULL, '{"name":"prepare","group":"prepare","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo prepared | tee /home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/prepare', 1, '27cb7178-3001-4636-bd32-c2450168f5c8', 1795765101862650, 1795765101908617, 0, NULL, NULL, false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('81bf4160-cdd1-4041-993a-96ea9d222d85', 'f5c3428f-46fd-47dc-ac07-361f2914c415', 2, 'train[rate=0.2]', 'completed', NULL, '{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/train-rate-0.2', 2, 'ebc95587-1d3a-45a8-90af-c3706f95df45', 1795765104910838, 1795765104946789, 0, NULL, NULL, false, 1, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('7367792f-e18b-46bc-8a8d-6e684fca1693', 'f5c3428f-46fd-47dc-ac07-361f2914c415', 1, 'train[rate=0.1]', 'completed', NULL, '{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/f5c3428f-46fd-47dc-ac07-361f2914c415/train-rate-0.1', 2, '2a882995-7467-499b-ab47-e8c845fabb4b', 1795765104858485, 1795765104897901, 0, NULL, NULL, false, 1, NULL, false, false, NULL);

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

