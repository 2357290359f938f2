BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0007');
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	stage_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	status VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	celery_task_id VARCHAR, 
	directory VARCHAR NOT NULL, 
	slots_json VARCHAR NOT NULL, 
	granted_at BIGINT NOT NULL, 
	sent_at BIGINT, 
	started_at BIGINT, 
	completed_at BIGINT, 
	exit_code INTEGER, 
	signal INTEGER, 
	error VARCHAR, 
	result_json VARCHAR, 
	pid INTEGER, 
	supervisor_pid INTEGER, 
	checkpoint VARCHAR, 
	checkpoint_tried BOOLEAN NOT NULL, 
	cancel_requested_at BIGINT, 
	stop_reason VARCHAR, 
	metrics_complete BOOLEAN NOT NULL, 
	definition_json VARCHAR, 
	digest VARCHAR, 
	inputs_json VARCHAR, 
	kept_json VARCHAR, 
	code_change VARCHAR, 
	secret_changes_json VARCHAR, 
	PRIMARY KEY (id), 
	UNIQUE (stage_id, number), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES(1,'9c2b6b7f-1436-4d5b-be65-57bab81076b8',1,'completed','box','3f6edb76-2cf0-47a9-82ed-ef27d1425429','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/prepare/attempt-1','[["box","cpu",0]]',1795742350899302,1795742350947893,1795742351250558,1795742351292124,0,NULL,NULL,NULL,2885,2884,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'d884e7a1-5f72-4ae1-a73f-0174c440e793',1,'failed','box','b4e382ba-3a3a-41a1-b7cb-bdb7dc000fdf','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/train_rate=0.1_-7da1fc94/attempt-1','[["box","cpu",0]]',1795742352503839,1795742352504350,1795742352549718,1795742352569714,1,NULL,'exit code 1

trained at 0.1',NULL,2922,2918,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'14801efe-7f45-40fe-b24e-24e8802e2baa',1,'failed','box','41a4fccf-a4ef-4c7f-87f5-d0ac3c5ef1fe','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/train_rate=0.2_-7d72c904/attempt-1','[["box","cpu",1]]',1795742352513683,1795742352514348,1795742352539537,1795742352556307,1,NULL,'exit code 1

trained at 0.2',NULL,2919,2916,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'d884e7a1-5f72-4ae1-a73f-0174c440e793',2,'completed','box','18ace643-d034-49eb-ad3e-6080e57bf2b1','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/train_rate=0.1_-7da1fc94/attempt-2','[["box","cpu",0]]',1795742352706174,1795742352706747,1795742352765155,1795742352786721,0,NULL,NULL,NULL,2929,2926,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'14801efe-7f45-40fe-b24e-24e8802e2baa',2,'completed','box','a42b2138-28c4-4dfe-ac47-219433fa0c89','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/train_rate=0.2_-7d72c904/attempt-2','[["box","cpu",1]]',1795742352747019,1795742352747555,1795742352771594,1795742352798447,0,NULL,NULL,NULL,2930,2928,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'4d015b6b-f0d6-4dab-a758-61a35210946b',1,'failed','box','b949fdb0-dedc-488e-acc6-1abe8691ce07','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/wrong/attempt-1','[["box","cpu",0]]',1795742352926900,1795742352927307,1795742352937876,1795742352944247,3,NULL,'exit code 3',NULL,2935,2934,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'4d015b6b-f0d6-4dab-a758-61a35210946b',2,'failed','box','4df702c1-c0ad-4bd1-b330-9ec37d0ad9fc','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/wrong/attempt-2','[["box","cpu",0]]',1795742354502984,1795742354503640,1795742354522928,1795742354526720,3,NULL,'exit code 3',NULL,2995,2994,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE chunk_figures (
	series_id BIGINT NOT NULL, 
	chunk_id BIGINT NOT NULL, 
	figures BLOB NOT NULL, 
	PRIMARY KEY (series_id, chunk_id)
)
 WITHOUT ROWID

;
INSERT INTO "chunk_figures" VALUES(1,1,X'01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295C8FC2F528BC3F333333333333C33FCDCCCCCCCCCCE43F0000000000000000333333333333C33F');
INSERT INTO "chunk_figures" VALUES(1,3,X'01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295C8FC2F528BC3F333333333333C33FCDCCCCCCCCCCE43F0000000000000000333333333333C33F');
INSERT INTO "chunk_figures" VALUES(2,2,X'01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000E17A14AE47E1CA3F000000000000D03F666666666666F23F0000000000000000000000000000D03F');
INSERT INTO "chunk_figures" VALUES(2,4,X'01000000000000000200000000000000070000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000E17A14AE47E1CA3F000000000000D03F666666666666F23F0000000000000000000000000000D03F');
CREATE TABLE chunks (
	id INTEGER NOT NULL, 
	series_id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	generation INTEGER NOT NULL, 
	start_byte BIGINT NOT NULL, 
	end_byte BIGINT NOT NULL, 
	open BOOLEAN NOT NULL, 
	n INTEGER NOT NULL, 
	float_steps BOOLEAN NOT NULL, 
	ordinals BLOB NOT NULL, 
	steps BLOB NOT NULL, 
	numbers BLOB NOT NULL, 
	times BLOB NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000B97308D9376106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000763F08D9376106000000000000000000');
INSERT INTO "chunks" VALUES(3,1,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00008BC30BD9376106000000000000000000');
INSERT INTO "chunks" VALUES(4,2,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00001EF10BD9376106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('d884e7a1-5f72-4ae1-a73f-0174c440e793','9c2b6b7f-1436-4d5b-be65-57bab81076b8');
INSERT INTO "dependencies" VALUES('14801efe-7f45-40fe-b24e-24e8802e2baa','9c2b6b7f-1436-4d5b-be65-57bab81076b8');
INSERT INTO "dependencies" VALUES('4d015b6b-f0d6-4dab-a758-61a35210946b','d884e7a1-5f72-4ae1-a73f-0174c440e793');
INSERT INTO "dependencies" VALUES('4d015b6b-f0d6-4dab-a758-61a35210946b','14801efe-7f45-40fe-b24e-24e8802e2baa');
INSERT INTO "dependencies" VALUES('76aa5711-7261-4cd3-9ad0-242e29ba2587','4d015b6b-f0d6-4dab-a758-61a35210946b');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	stage VARCHAR, 
	attempt INTEGER, 
	time BIGINT NOT NULL, 
	kind VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	data_json VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "events" VALUES(1,'3f62c84e-1b13-404c-b294-353c38b44d97',NULL,NULL,1795742348753937,'submitted','5 stages submitted',NULL);
INSERT INTO "events" VALUES(2,'3f62c84e-1b13-404c-b294-353c38b44d97',NULL,NULL,1795742350946192,'run','the run is running','{"status":"running"}');
INSERT INTO "events" VALUES(3,'3f62c84e-1b13-404c-b294-353c38b44d97','prepare',NULL,1795742351178594,'running','prepare is running',NULL);
INSERT INTO "events" VALUES(4,'3f62c84e-1b13-404c-b294-353c38b44d97','prepare',1,1795742351250558,'started','prepare started as process 2885',NULL);
INSERT INTO "events" VALUES(5,'3f62c84e-1b13-404c-b294-353c38b44d97','prepare',NULL,1795742352490958,'completed','prepare is completed',NULL);
INSERT INTO "events" VALUES(6,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.1]',NULL,1795742352498992,'queued','train[rate=0.1] is queued',NULL);
INSERT INTO "events" VALUES(7,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',NULL,1795742352498992,'queued','train[rate=0.2] is queued',NULL);
INSERT INTO "events" VALUES(8,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.1]',NULL,1795742352520340,'running','train[rate=0.1] is running',NULL);
INSERT INTO "events" VALUES(9,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',NULL,1795742352529430,'running','train[rate=0.2] is running',NULL);
INSERT INTO "events" VALUES(10,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',1,1795742352539537,'started','train[rate=0.2] started as process 2919',NULL);
INSERT INTO "events" VALUES(11,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.1]',1,1795742352549718,'started','train[rate=0.1] started as process 2922',NULL);
INSERT INTO "events" VALUES(12,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',1,1795742352695252,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3}');
INSERT INTO "events" VALUES(13,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.1]',NULL,1795742352699718,'queued','train[rate=0.1] is queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(14,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.1]',NULL,1795742352719552,'running','train[rate=0.1] is running',NULL);
INSERT INTO "events" VALUES(15,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',NULL,1795742352726348,'queued','train[rate=0.2] is queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(16,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',NULL,1795742352756040,'running','train[rate=0.2] is running',NULL);
INSERT INTO "events" VALUES(17,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.1]',2,1795742352765155,'started','train[rate=0.1] started as process 2929',NULL);
INSERT INTO "events" VALUES(18,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',2,1795742352771594,'started','train[rate=0.2] started as process 2930',NULL);
INSERT INTO "events" VALUES(19,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.1]',NULL,1795742352806573,'completed','train[rate=0.1] is completed',NULL);
INSERT INTO "events" VALUES(20,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',2,1795742352887598,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3}');
INSERT INTO "events" VALUES(21,'3f62c84e-1b13-404c-b294-353c38b44d97','train[rate=0.2]',NULL,1795742352919138,'completed','train[rate=0.2] is completed',NULL);
INSERT INTO "events" VALUES(22,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',NULL,1795742352919981,'queued','wrong is queued',NULL);
INSERT INTO "events" VALUES(23,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',NULL,1795742352929926,'running','wrong is running',NULL);
INSERT INTO "events" VALUES(24,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',1,1795742352937876,'started','wrong started as process 2935',NULL);
INSERT INTO "events" VALUES(25,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',NULL,1795742352951272,'failed','wrong is failed: exit code 3',NULL);
INSERT INTO "events" VALUES(26,'3f62c84e-1b13-404c-b294-353c38b44d97','after',NULL,1795742352952090,'blocked','after is blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(27,'3f62c84e-1b13-404c-b294-353c38b44d97',NULL,NULL,1795742352953664,'run','the run is failed','{"status":"failed"}');
INSERT INTO "events" VALUES(28,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',NULL,1795742354493688,'pending','wrong is pending',NULL);
INSERT INTO "events" VALUES(29,'3f62c84e-1b13-404c-b294-353c38b44d97','after',NULL,1795742354494369,'pending','after is pending',NULL);
INSERT INTO "events" VALUES(30,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',NULL,1795742354496658,'queued','wrong is queued',NULL);
INSERT INTO "events" VALUES(31,'3f62c84e-1b13-404c-b294-353c38b44d97',NULL,NULL,1795742354500253,'run','the run is running','{"status":"running"}');
INSERT INTO "events" VALUES(32,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',NULL,1795742354507110,'running','wrong is running',NULL);
INSERT INTO "events" VALUES(33,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',2,1795742354522928,'started','wrong started as process 2995',NULL);
INSERT INTO "events" VALUES(34,'3f62c84e-1b13-404c-b294-353c38b44d97','wrong',NULL,1795742354532515,'failed','wrong is failed: exit code 3',NULL);
INSERT INTO "events" VALUES(35,'3f62c84e-1b13-404c-b294-353c38b44d97','after',NULL,1795742354533886,'blocked','after is blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(36,'3f62c84e-1b13-404c-b294-353c38b44d97',NULL,NULL,1795742354534258,'run','the run is failed','{"status":"failed"}');
CREATE TABLE flags (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "flags" VALUES('notified_event','1');
CREATE TABLE hosts (
	name VARCHAR NOT NULL, 
	home VARCHAR NOT NULL, 
	seen_at BIGINT NOT NULL, 
	place VARCHAR, 
	slots_json VARCHAR NOT NULL, 
	queues_json VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE log_reads (
	id VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	attempt_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	start BIGINT NOT NULL, 
	length INTEGER NOT NULL, 
	asked_at BIGINT NOT NULL, 
	answer_json VARCHAR, 
	data BLOB, 
	PRIMARY KEY (id)
);
CREATE TABLE pipelines (
	digest VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "pipelines" VALUES('ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','old','# What is run for the database that is kept of a release; what later versions can do is added here.
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
CREATE TABLE runs (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	pipeline VARCHAR NOT NULL, 
	digest TEXT NOT NULL, 
	file VARCHAR, 
	directory VARCHAR NOT NULL, 
	params_json VARCHAR NOT NULL, 
	submission_json VARCHAR NOT NULL, 
	priority INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	completed_at BIGINT, 
	notified_at BIGINT, 
	host VARCHAR, 
	place VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(digest) REFERENCES pipelines (digest)
);
INSERT INTO "runs" VALUES('3f62c84e-1b13-404c-b294-353c38b44d97','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795742348745124,1795742351250558,1795742354533822,1795742354537830,'box',NULL);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'d884e7a1-5f72-4ae1-a73f-0174c440e793','loss');
INSERT INTO "series" VALUES(2,'14801efe-7f45-40fe-b24e-24e8802e2baa','loss');
CREATE TABLE slots (
	host VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	attempt_id BIGINT NOT NULL, 
	PRIMARY KEY (host, kind, number), 
	FOREIGN KEY(attempt_id) REFERENCES attempts (id) ON DELETE CASCADE
);
CREATE TABLE sources (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	format VARCHAR, 
	attempt INTEGER NOT NULL, 
	generation INTEGER NOT NULL, 
	"offset" BIGINT NOT NULL, 
	rows BIGINT NOT NULL, 
	next_ordinal BIGINT NOT NULL, 
	identity_json VARCHAR, 
	state_json VARCHAR NOT NULL, 
	tail_rows INTEGER NOT NULL, 
	tail_points INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	problem VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "sources" VALUES(1,'9c2b6b7f-1436-4d5b-be65-57bab81076b8','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/prepare/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'9c2b6b7f-1436-4d5b-be65-57bab81076b8','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/prepare/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11184545, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'9c2b6b7f-1436-4d5b-be65-57bab81076b8','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/prepare/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'d884e7a1-5f72-4ae1-a73f-0174c440e793','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/train_rate=0.1_-7da1fc94/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11184809, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'14801efe-7f45-40fe-b24e-24e8802e2baa','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/train_rate=0.2_-7d72c904/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11184753, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'d884e7a1-5f72-4ae1-a73f-0174c440e793','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/train_rate=0.1_-7da1fc94/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11184823, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'14801efe-7f45-40fe-b24e-24e8802e2baa','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/train_rate=0.2_-7d72c904/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11184405, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'4d015b6b-f0d6-4dab-a758-61a35210946b','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/wrong/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'4d015b6b-f0d6-4dab-a758-61a35210946b','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/wrong/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'4d015b6b-f0d6-4dab-a758-61a35210946b','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/.trainui/wrong/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
CREATE TABLE stages (
	id VARCHAR NOT NULL, 
	run_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	reason VARCHAR, 
	definition_json VARCHAR NOT NULL, 
	directory VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	celery_task_id VARCHAR, 
	started_at BIGINT, 
	completed_at BIGINT, 
	exit_code INTEGER, 
	result_json VARCHAR, 
	error VARCHAR, 
	stalled BOOLEAN NOT NULL, 
	retries_used INTEGER NOT NULL, 
	not_before BIGINT, 
	fresh BOOLEAN NOT NULL, 
	removed BOOLEAN NOT NULL, 
	reason_host VARCHAR, 
	PRIMARY KEY (id), 
	UNIQUE (run_id, name), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "stages" VALUES('9c2b6b7f-1436-4d5b-be65-57bab81076b8','3f62c84e-1b13-404c-b294-353c38b44d97',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/prepare',1,'3f6edb76-2cf0-47a9-82ed-ef27d1425429',1795742351250558,1795742351292124,0,NULL,NULL,0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('d884e7a1-5f72-4ae1-a73f-0174c440e793','3f62c84e-1b13-404c-b294-353c38b44d97',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/train_rate=0.1_-7da1fc94',2,'18ace643-d034-49eb-ad3e-6080e57bf2b1',1795742352765155,1795742352786721,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('14801efe-7f45-40fe-b24e-24e8802e2baa','3f62c84e-1b13-404c-b294-353c38b44d97',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/train_rate=0.2_-7d72c904',2,'a42b2138-28c4-4dfe-ac47-219433fa0c89',1795742352771594,1795742352798447,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('4d015b6b-f0d6-4dab-a758-61a35210946b','3f62c84e-1b13-404c-b294-353c38b44d97',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/wrong',2,'4df702c1-c0ad-4bd1-b330-9ec37d0ad9fc',1795742354522928,1795742354526720,3,NULL,'exit code 3',0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('76aa5711-7261-4cd3-9ad0-242e29ba2587','3f62c84e-1b13-404c-b294-353c38b44d97',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/3f62c84e-1b13-404c-b294-353c38b44d97/after',0,NULL,NULL,1795742354533822,NULL,NULL,NULL,0,0,NULL,0,0,NULL);
CREATE TABLE tails (
	id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	generation INTEGER NOT NULL, 
	start_byte BIGINT NOT NULL, 
	end_byte BIGINT NOT NULL, 
	points BLOB NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX ix_log_reads_host ON log_reads (host);
CREATE INDEX ix_sources_owner ON sources (owner);
CREATE INDEX ix_chunks_open ON chunks (source_id) WHERE open;
CREATE INDEX ix_tails_source ON tails (source_id);
CREATE INDEX ix_runs_notified ON runs (notified_at);
CREATE INDEX ix_runs_name ON runs (name, created_at);
CREATE INDEX ix_runs_pipeline ON runs (pipeline, created_at);
CREATE INDEX ix_runs_created ON runs (created_at);
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX ix_stages_status ON stages (status);
CREATE INDEX ix_stages_run_status ON stages (run_id, status);
CREATE INDEX ix_events_run ON events (run_id, id);
CREATE INDEX ix_dependencies_upstream ON dependencies (upstream_id);
CREATE INDEX ix_attempts_unread ON attempts (host) WHERE metrics_complete = 0;
CREATE INDEX ix_attempts_status ON attempts (status);
CREATE INDEX ix_slots_attempt_id ON slots (attempt_id);
COMMIT;
