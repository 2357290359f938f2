

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

INSERT INTO public.alembic_version VALUES ('0011');

INSERT INTO public.attempts VALUES (1, '27c5635b-562f-4c3e-a934-e6b7b2701db1', 1, 'completed', 'box', '7f373288-0eef-4cb6-aa4e-7a7624bb36dc', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/prepare/attempt-1', '[["box","cpu",0]]', 1795821722757618, 1795821722762809, 1795821722825690, 1795821722838397, 0, NULL, NULL, NULL, 1117, 1116, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (5, '6dc58bae-3247-4915-ab83-d02692082fee', 2, 'completed', 'box', '6e3a635a-cb1d-4d79-a4e2-d3cf0c8c45d5', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/train-rate-0.2/attempt-2', '[["box","cpu",1]]', 1795821723907402, 1795821723909849, 1795821723937475, 1795821723952519, 0, NULL, NULL, NULL, 1148, 1147, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (4, '79fb790d-8705-4f61-b403-3cace971a900', 2, 'completed', 'box', '9c7b8194-5718-44fd-b121-f3770351d000', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/train-rate-0.1/attempt-2', '[["box","cpu",0]]', 1795821723887009, 1795821723891440, 1795821723923345, 1795821723930950, 0, NULL, NULL, NULL, 1144, 1143, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (2, '79fb790d-8705-4f61-b403-3cace971a900', 1, 'failed', 'box', '9e9790e0-3291-4fdf-97e2-90301e550f20', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/train-rate-0.1/attempt-1', '[["box","cpu",0]]', 1795821723742825, 1795821723744622, 1795821723776918, 1795821723787520, 1, NULL, 'exit code 1

trained at 0.1', NULL, 1134, 1131, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (3, '6dc58bae-3247-4915-ab83-d02692082fee', 1, 'failed', 'box', '64ad2347-5e56-47cb-84ab-73031797dd1c', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/train-rate-0.2/attempt-1', '[["box","cpu",1]]', 1795821723750507, 1795821723755690, 1795821723779282, 1795821723795900, 1, NULL, 'exit code 1

trained at 0.2', NULL, 1135, 1133, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (6, 'eaf9564f-6771-41cb-9a72-68f49aa68899', 1, 'failed', 'box', 'a1b6761b-9861-4e63-85ea-fa5ac93e680e', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/wrong/attempt-1', '[["box","cpu",0]]', 1795821724023717, 1795821724025779, 1795821724044835, 1795821724056100, 3, NULL, 'exit code 3', NULL, 1153, 1152, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES (7, 'eaf9564f-6771-41cb-9a72-68f49aa68899', 2, 'failed', 'box', 'cce86b34-32d3-42ff-a3eb-468e35d489f9', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/wrong/attempt-2', '[["box","cpu",0]]', 1795821725336168, 1795821725339491, 1795821725367996, 1795821725373293, 3, NULL, 'exit code 3', NULL, 1180, 1179, NULL, false, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.chunk_figures VALUES (2, 1, '\x01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (1, 2, '\x01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');
INSERT INTO public.chunk_figures VALUES (2, 3, '\x01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295c8fc2f528bc3f333333333333c33fcdcccccccccce43f0000000000000000333333333333c33f');
INSERT INTO public.chunk_figures VALUES (1, 4, '\x01000000000000000200000000000000070000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000e17a14ae47e1ca3f000000000000d03f666666666666f23f0000000000000000000000000000d03f');

INSERT INTO public.chunks VALUES (1, 2, 4, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000c51fed534a6106000000000000000000');
INSERT INTO public.chunks VALUES (2, 1, 5, 1, 0, 0, 130, true, 5, false, '\x0000000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x00008040ed534a6106000000000000000000');
INSERT INTO public.chunks VALUES (3, 2, 6, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02295c8fc2f528bc3f01040000001ed8908e010400000085a3c2c20104000000eb70f5f50104000000513d28280104000000b80a5c5c01040000001ed78f8f010400000005030202000100000000', '\x0000f04bef534a6106000000000000000000');
INSERT INTO public.chunks VALUES (4, 1, 7, 2, 0, 0, 130, true, 5, false, '\x0005000000000000000100000000000000', '\x0001000000000000000100000000000000', '\x02e17a14ae47e1ca3f010400000090908e900001000000c20001000000f500010000002800010000005c00010000008f000100000002000100000000', '\x000067a2ef534a6106000000000000000000');

INSERT INTO public.dependencies VALUES ('79fb790d-8705-4f61-b403-3cace971a900', '27c5635b-562f-4c3e-a934-e6b7b2701db1');
INSERT INTO public.dependencies VALUES ('6dc58bae-3247-4915-ab83-d02692082fee', '27c5635b-562f-4c3e-a934-e6b7b2701db1');
INSERT INTO public.dependencies VALUES ('eaf9564f-6771-41cb-9a72-68f49aa68899', '79fb790d-8705-4f61-b403-3cace971a900');
INSERT INTO public.dependencies VALUES ('eaf9564f-6771-41cb-9a72-68f49aa68899', '6dc58bae-3247-4915-ab83-d02692082fee');
INSERT INTO public.dependencies VALUES ('ec328122-b66e-4fdc-955c-e322ddd83ae8', 'eaf9564f-6771-41cb-9a72-68f49aa68899');

INSERT INTO public.events VALUES (1, 'eaec045e-2801-4911-b2a1-8be143c23a80', NULL, NULL, 1795821722550276, 'submitted', '5 stages submitted', NULL);
INSERT INTO public.events VALUES (2, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'prepare', NULL, 1795821722812175, 'running', 'prepare started', NULL);
INSERT INTO public.events VALUES (3, 'eaec045e-2801-4911-b2a1-8be143c23a80', NULL, NULL, 1795821722814563, 'run', 'run started', '{"status":"running"}');
INSERT INTO public.events VALUES (4, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'prepare', 1, 1795821722825690, 'started', 'prepare started as process 1117', NULL);
INSERT INTO public.events VALUES (5, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'prepare', NULL, 1795821723729553, 'completed', 'prepare completed', NULL);
INSERT INTO public.events VALUES (6, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', NULL, 1795821723734284, 'queued', 'train[rate=0.2] queued', NULL);
INSERT INTO public.events VALUES (7, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.1]', NULL, 1795821723734284, 'queued', 'train[rate=0.1] queued', NULL);
INSERT INTO public.events VALUES (8, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.1]', NULL, 1795821723762364, 'running', 'train[rate=0.1] started', NULL);
INSERT INTO public.events VALUES (9, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', NULL, 1795821723768817, 'running', 'train[rate=0.2] started', NULL);
INSERT INTO public.events VALUES (10, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.1]', 1, 1795821723776918, 'started', 'train[rate=0.1] started as process 1134', NULL);
INSERT INTO public.events VALUES (11, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', 1, 1795821723779282, 'started', 'train[rate=0.2] started as process 1135', NULL);
INSERT INTO public.events VALUES (12, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', 1, 1795821723825391, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22', '{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO public.events VALUES (13, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.1]', NULL, 1795821723874811, 'queued', 'train[rate=0.1] queued: retry 1 of 1: exit code 1', NULL);
INSERT INTO public.events VALUES (14, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', NULL, 1795821723885225, 'queued', 'train[rate=0.2] queued: retry 1 of 1: exit code 1', NULL);
INSERT INTO public.events VALUES (15, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.1]', NULL, 1795821723900136, 'running', 'train[rate=0.1] started', NULL);
INSERT INTO public.events VALUES (16, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', NULL, 1795821723920206, 'running', 'train[rate=0.2] started', NULL);
INSERT INTO public.events VALUES (17, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.1]', 2, 1795821723923345, 'started', 'train[rate=0.1] started as process 1144', NULL);
INSERT INTO public.events VALUES (18, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', 2, 1795821723937475, 'started', 'train[rate=0.2] started as process 1148', NULL);
INSERT INTO public.events VALUES (19, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', 2, 1795821723973810, 'mark', 'train[rate=0.2]: loss is 0.23 at step 3, above 0.22', '{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO public.events VALUES (20, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.2]', NULL, 1795821724005460, 'completed', 'train[rate=0.2] completed', NULL);
INSERT INTO public.events VALUES (21, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'train[rate=0.1]', NULL, 1795821724013104, 'completed', 'train[rate=0.1] completed', NULL);
INSERT INTO public.events VALUES (22, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', NULL, 1795821724016092, 'queued', 'wrong queued', NULL);
INSERT INTO public.events VALUES (23, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', NULL, 1795821724033834, 'running', 'wrong started', NULL);
INSERT INTO public.events VALUES (24, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', 1, 1795821724044835, 'started', 'wrong started as process 1153', NULL);
INSERT INTO public.events VALUES (25, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', NULL, 1795821724076859, 'failed', 'wrong failed: exit code 3', NULL);
INSERT INTO public.events VALUES (26, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'after', NULL, 1795821724078958, 'blocked', 'after blocked: wrong failed', NULL);
INSERT INTO public.events VALUES (27, 'eaec045e-2801-4911-b2a1-8be143c23a80', NULL, NULL, 1795821724081125, 'run', 'run failed', '{"status":"failed"}');
INSERT INTO public.events VALUES (28, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', NULL, 1795821725313068, 'pending', 'wrong pending', NULL);
INSERT INTO public.events VALUES (29, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'after', NULL, 1795821725315602, 'pending', 'after pending', NULL);
INSERT INTO public.events VALUES (30, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', NULL, 1795821725318713, 'queued', 'wrong queued', NULL);
INSERT INTO public.events VALUES (31, 'eaec045e-2801-4911-b2a1-8be143c23a80', NULL, NULL, 1795821725324398, 'run', 'run started', '{"status":"running"}');
INSERT INTO public.events VALUES (32, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', NULL, 1795821725351500, 'running', 'wrong started', NULL);
INSERT INTO public.events VALUES (33, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', 2, 1795821725367996, 'started', 'wrong started as process 1180', NULL);
INSERT INTO public.events VALUES (34, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'wrong', NULL, 1795821725398764, 'failed', 'wrong failed: exit code 3', NULL);
INSERT INTO public.events VALUES (35, 'eaec045e-2801-4911-b2a1-8be143c23a80', 'after', NULL, 1795821725400809, 'blocked', 'after blocked: wrong failed', NULL);
INSERT INTO public.events VALUES (36, 'eaec045e-2801-4911-b2a1-8be143c23a80', NULL, NULL, 1795821725403193, 'run', 'run failed', '{"status":"failed"}');

INSERT INTO public.flags VALUES ('notified_event', '1');

INSERT INTO public.hosts VALUES ('box', '1f66c5989b6bed5f778f0ebdef2efe7c', 1795821722736284, '0006f18602463cb72caaaed35ba6491e', '[{"kind":"cpu","index":0},{"kind":"cpu","index":1}]', '[]');

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

INSERT INTO public.runs VALUES ('eaec045e-2801-4911-b2a1-8be143c23a80', 'old', 'failed', 'old', 'ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1', '/home/me/work/pipeline.yaml', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80', '{"points":"5"}', '{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}', 0, 1795821722547194, 1795821722825690, 1795821725400347, 1795821725422191, 'box', '0006f18602463cb72caaaed35ba6491e', NULL, NULL);

INSERT INTO public.series VALUES (1, '6dc58bae-3247-4915-ab83-d02692082fee', 'loss');
INSERT INTO public.series VALUES (2, '79fb790d-8705-4f61-b403-3cace971a900', 'loss');

INSERT INTO public.sources VALUES (1, '27c5635b-562f-4c3e-a934-e6b7b2701db1', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/prepare/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (3, '27c5635b-562f-4c3e-a934-e6b7b2701db1', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/prepare/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (2, '27c5635b-562f-4c3e-a934-e6b7b2701db1', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/prepare/attempt-1/stdout.log#found', 'text', 1, 0, 9, 0, 0, '{"device": 65024, "inode": 11806500, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}', '{"labels": {"held": []}, "memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "darknet": {}, "optuna": {}, "mlperf": {}, "allennlp": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}, "values": {"counts": {}, "print": {}}}}', 0, 0, 1, NULL);
INSERT INTO public.sources VALUES (4, '79fb790d-8705-4f61-b403-3cace971a900', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/train-rate-0.1/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11807154, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (5, '6dc58bae-3247-4915-ab83-d02692082fee', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/train-rate-0.2/attempt-1/metrics.jsonl', 'jsonl', 1, 0, 130, 5, 5, '{"device": 65024, "inode": 11806621, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (6, '79fb790d-8705-4f61-b403-3cace971a900', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/train-rate-0.1/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11807715, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (7, '6dc58bae-3247-4915-ab83-d02692082fee', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/train-rate-0.2/attempt-2/metrics.jsonl', 'jsonl', 2, 0, 130, 5, 10, '{"device": 65024, "inode": 11806684, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}', '{}', 0, 0, 2, NULL);
INSERT INTO public.sources VALUES (8, 'eaf9564f-6771-41cb-9a72-68f49aa68899', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/wrong/attempt-1/metrics.jsonl', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (9, 'eaf9564f-6771-41cb-9a72-68f49aa68899', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/wrong/attempt-1/stdout.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (10, 'eaf9564f-6771-41cb-9a72-68f49aa68899', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/wrong/attempt-1/stderr.log#found', NULL, 1, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (11, 'eaf9564f-6771-41cb-9a72-68f49aa68899', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/wrong/attempt-2/metrics.jsonl', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (12, 'eaf9564f-6771-41cb-9a72-68f49aa68899', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/wrong/attempt-2/stdout.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);
INSERT INTO public.sources VALUES (13, 'eaf9564f-6771-41cb-9a72-68f49aa68899', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/.trainui/wrong/attempt-2/stderr.log#found', NULL, 2, 0, 0, 0, 0, NULL, '{}', 0, 0, 0, NULL);

INSERT INTO public.stages VALUES ('eaf9564f-6771-41cb-9a72-68f49aa68899', 'eaec045e-2801-4911-b2a1-8be143c23a80', 3, 'wrong', 'failed', 'exit code 3', '{"name":"wrong","group":"wrong","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/wrong', 2, 'cce86b34-32d3-42ff-a3eb-468e35d489f9', 1795821725367996, 1795821725373293, 3, NULL, 'exit code 3', false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('ec328122-b66e-4fdc-955c-e322ddd83ae8', 'eaec045e-2801-4911-b2a1-8be143c23a80', 4, 'after', 'blocked', 'wrong failed', '{"name":"after","group":"after","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/after', 0, NULL, NULL, 1795821725400347, NULL, NULL, NULL, false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('27c5635b-562f-4c3e-a934-e6b7b2701db1', 'eaec045e-2801-4911-b2a1-8be143c23a80', 0, 'prepare', 'completed', NULL, '{"name":"prepare","group":"prepare","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo prepared | tee /home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/prepare', 1, '7f373288-0eef-4cb6-aa4e-7a7624bb36dc', 1795821722825690, 1795821722838397, 0, NULL, NULL, false, 0, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('79fb790d-8705-4f61-b403-3cace971a900', 'eaec045e-2801-4911-b2a1-8be143c23a80', 1, 'train[rate=0.1]', 'completed', NULL, '{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/train-rate-0.1', 2, '9c7b8194-5718-44fd-b121-f3770351d000', 1795821723923345, 1795821723930950, 0, NULL, NULL, false, 1, NULL, false, false, NULL);
INSERT INTO public.stages VALUES ('6dc58bae-3247-4915-ab83-d02692082fee', 'eaec045e-2801-4911-b2a1-8be143c23a80', 2, 'train[rate=0.2]', 'completed', NULL, '{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}', '/home/me/trainui/runs/eaec045e-2801-4911-b2a1-8be143c23a80/train-rate-0.2', 2, '6e3a635a-cb1d-4d79-a4e2-d3cf0c8c45d5', 1795821723937475, 1795821723952519, 0, NULL, NULL, false, 1, NULL, false, false, NULL);

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

