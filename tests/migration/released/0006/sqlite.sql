BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
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
	metrics_complete BOOLEAN NOT NULL, definition_json VARCHAR, digest VARCHAR, inputs_json VARCHAR, kept_json VARCHAR, code_change VARCHAR, stop_reason VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	UNIQUE (stage_id, number)
);
INSERT INTO "attempts" VALUES(1,'c030cb25-1636-40a9-ac1b-eb8fe83b6a16',1,'completed','box','3feeed6f-033b-4fbd-92d4-dbd768967932','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/prepare/.trainui/attempt-1','[["box","cpu",0]]',1795660756802921,1795660756857336,1795660757060320,1795660757079779,0,NULL,NULL,NULL,30554,30552,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'f70d6375-0381-4b25-967a-8459f8a28acd',1,'failed','box','455c3233-c6c6-4314-934f-0c7eb55a281a','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.1_-7da1fc94/.trainui/attempt-1','[["box","cpu",0]]',1795660757960817,1795660757961661,1795660757986064,1795660758006771,1,NULL,'exit code 1

trained at 0.1',NULL,30609,30607,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'cb0e949b-093f-4c74-9a15-1b9e0b8d876b',1,'failed','box','23924368-eb1e-4232-b833-e0bed4a8c83c','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.2_-7d72c904/.trainui/attempt-1','[["box","cpu",1]]',1795660757962752,1795660757963554,1795660757997071,1795660758018674,1,NULL,'exit code 1

trained at 0.2',NULL,30612,30611,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'f70d6375-0381-4b25-967a-8459f8a28acd',2,'completed','box','8c8f7600-d460-4341-b976-13fa46c6e750','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.1_-7da1fc94/.trainui/attempt-2','[["box","cpu",0]]',1795660758094444,1795660758095584,1795660758129478,1795660758144115,0,NULL,NULL,NULL,30627,30624,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'cb0e949b-093f-4c74-9a15-1b9e0b8d876b',2,'completed','box','a8aeec6a-c465-4385-b3c1-1f0894fb0c6f','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.2_-7d72c904/.trainui/attempt-2','[["box","cpu",1]]',1795660758096400,1795660758097465,1795660758136032,1795660758153744,0,NULL,NULL,NULL,30629,30626,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'4d305d4e-ca59-48a0-9428-643580bce684',1,'failed','box','dd6c722a-b38d-430c-81e4-23a3a45e43c4','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/wrong/.trainui/attempt-1','[["box","cpu",0]]',1795660758283630,1795660758284292,1795660758300400,1795660758307724,3,NULL,'exit code 3',NULL,30642,30640,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'4d305d4e-ca59-48a0-9428-643580bce684',2,'failed','box','10e40aa2-528c-47e6-b3af-608a65d44d19','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/wrong/.trainui/attempt-2','[["box","cpu",0]]',1795660759956897,1795660759960327,1795660759984423,1795660759998051,3,NULL,'exit code 3',NULL,30691,30690,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000AB399ED9246106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00005F689ED9246106000000000000000000');
INSERT INTO "chunks" VALUES(3,1,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00006F52A0D9246106000000000000000000');
INSERT INTO "chunks" VALUES(4,2,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00003A75A0D9246106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('f70d6375-0381-4b25-967a-8459f8a28acd','c030cb25-1636-40a9-ac1b-eb8fe83b6a16');
INSERT INTO "dependencies" VALUES('cb0e949b-093f-4c74-9a15-1b9e0b8d876b','c030cb25-1636-40a9-ac1b-eb8fe83b6a16');
INSERT INTO "dependencies" VALUES('4d305d4e-ca59-48a0-9428-643580bce684','f70d6375-0381-4b25-967a-8459f8a28acd');
INSERT INTO "dependencies" VALUES('4d305d4e-ca59-48a0-9428-643580bce684','cb0e949b-093f-4c74-9a15-1b9e0b8d876b');
INSERT INTO "dependencies" VALUES('9fd7a981-a08d-4a92-afa9-c61ac8f082ef','4d305d4e-ca59-48a0-9428-643580bce684');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	stage VARCHAR, 
	attempt INTEGER, 
	time BIGINT NOT NULL, 
	kind VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "events" VALUES(1,'a87121aa-0024-4350-8262-40850414bbc8',NULL,NULL,1795660755776456,'submitted','5 stages submitted');
INSERT INTO "events" VALUES(2,'a87121aa-0024-4350-8262-40850414bbc8',NULL,NULL,1795660756831383,'run','the run is running');
INSERT INTO "events" VALUES(3,'a87121aa-0024-4350-8262-40850414bbc8','prepare',NULL,1795660756993485,'running','prepare is running');
INSERT INTO "events" VALUES(4,'a87121aa-0024-4350-8262-40850414bbc8','prepare',1,1795660757060320,'started','prepare started as process 30554');
INSERT INTO "events" VALUES(5,'a87121aa-0024-4350-8262-40850414bbc8','prepare',NULL,1795660757945988,'completed','prepare is completed');
INSERT INTO "events" VALUES(6,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.1]',NULL,1795660757950112,'queued','train[rate=0.1] is queued');
INSERT INTO "events" VALUES(7,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',NULL,1795660757950112,'queued','train[rate=0.2] is queued');
INSERT INTO "events" VALUES(8,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.1]',NULL,1795660757969303,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(9,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',NULL,1795660757975461,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(10,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.1]',1,1795660757986064,'started','train[rate=0.1] started as process 30609');
INSERT INTO "events" VALUES(11,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',1,1795660757997071,'started','train[rate=0.2] started as process 30612');
INSERT INTO "events" VALUES(12,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',1,1795660758056610,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO "events" VALUES(13,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',NULL,1795660758079978,'queued','train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(14,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.1]',NULL,1795660758089522,'queued','train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(15,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.1]',NULL,1795660758103825,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(16,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',NULL,1795660758114311,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(17,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.1]',2,1795660758129478,'started','train[rate=0.1] started as process 30627');
INSERT INTO "events" VALUES(18,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',2,1795660758136032,'started','train[rate=0.2] started as process 30629');
INSERT INTO "events" VALUES(19,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',2,1795660758240089,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO "events" VALUES(20,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.1]',NULL,1795660758267513,'completed','train[rate=0.1] is completed');
INSERT INTO "events" VALUES(21,'a87121aa-0024-4350-8262-40850414bbc8','train[rate=0.2]',NULL,1795660758279616,'completed','train[rate=0.2] is completed');
INSERT INTO "events" VALUES(22,'a87121aa-0024-4350-8262-40850414bbc8','wrong',NULL,1795660758280705,'queued','wrong is queued');
INSERT INTO "events" VALUES(23,'a87121aa-0024-4350-8262-40850414bbc8','wrong',NULL,1795660758287791,'running','wrong is running');
INSERT INTO "events" VALUES(24,'a87121aa-0024-4350-8262-40850414bbc8','wrong',1,1795660758300400,'started','wrong started as process 30642');
INSERT INTO "events" VALUES(25,'a87121aa-0024-4350-8262-40850414bbc8','wrong',NULL,1795660758314245,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(26,'a87121aa-0024-4350-8262-40850414bbc8','after',NULL,1795660758315520,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(27,'a87121aa-0024-4350-8262-40850414bbc8',NULL,NULL,1795660758319577,'run','the run is failed');
INSERT INTO "events" VALUES(28,'a87121aa-0024-4350-8262-40850414bbc8','wrong',NULL,1795660759937399,'pending','wrong is pending');
INSERT INTO "events" VALUES(29,'a87121aa-0024-4350-8262-40850414bbc8','after',NULL,1795660759943113,'pending','after is pending');
INSERT INTO "events" VALUES(30,'a87121aa-0024-4350-8262-40850414bbc8','wrong',NULL,1795660759947216,'queued','wrong is queued');
INSERT INTO "events" VALUES(31,'a87121aa-0024-4350-8262-40850414bbc8',NULL,NULL,1795660759953417,'run','the run is running');
INSERT INTO "events" VALUES(32,'a87121aa-0024-4350-8262-40850414bbc8','wrong',NULL,1795660759965021,'running','wrong is running');
INSERT INTO "events" VALUES(33,'a87121aa-0024-4350-8262-40850414bbc8','wrong',2,1795660759984423,'started','wrong started as process 30691');
INSERT INTO "events" VALUES(34,'a87121aa-0024-4350-8262-40850414bbc8','wrong',NULL,1795660760009806,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(35,'a87121aa-0024-4350-8262-40850414bbc8','after',NULL,1795660760011019,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(36,'a87121aa-0024-4350-8262-40850414bbc8',NULL,NULL,1795660760011982,'run','the run is failed');
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
	notified_at BIGINT, host VARCHAR, place VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(digest) REFERENCES pipelines (digest)
);
INSERT INTO "runs" VALUES('a87121aa-0024-4350-8262-40850414bbc8','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795660755759902,1795660757060320,1795660760010834,1795660760016974,'box',NULL);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'f70d6375-0381-4b25-967a-8459f8a28acd','loss');
INSERT INTO "series" VALUES(2,'cb0e949b-093f-4c74-9a15-1b9e0b8d876b','loss');
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
INSERT INTO "sources" VALUES(1,'c030cb25-1636-40a9-ac1b-eb8fe83b6a16','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/prepare/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'c030cb25-1636-40a9-ac1b-eb8fe83b6a16','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/prepare/.trainui/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 12052830, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'c030cb25-1636-40a9-ac1b-eb8fe83b6a16','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/prepare/.trainui/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'f70d6375-0381-4b25-967a-8459f8a28acd','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 12051063, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'cb0e949b-093f-4c74-9a15-1b9e0b8d876b','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 12052862, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'f70d6375-0381-4b25-967a-8459f8a28acd','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 12052868, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'cb0e949b-093f-4c74-9a15-1b9e0b8d876b','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 12052886, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'4d305d4e-ca59-48a0-9428-643580bce684','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/wrong/.trainui/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'4d305d4e-ca59-48a0-9428-643580bce684','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/wrong/.trainui/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'4d305d4e-ca59-48a0-9428-643580bce684','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/wrong/.trainui/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
	fresh BOOLEAN NOT NULL, removed BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE, 
	UNIQUE (run_id, name)
);
INSERT INTO "stages" VALUES('c030cb25-1636-40a9-ac1b-eb8fe83b6a16','a87121aa-0024-4350-8262-40850414bbc8',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/prepare',1,'3feeed6f-033b-4fbd-92d4-dbd768967932',1795660757060320,1795660757079779,0,NULL,NULL,0,0,NULL,0,0);
INSERT INTO "stages" VALUES('f70d6375-0381-4b25-967a-8459f8a28acd','a87121aa-0024-4350-8262-40850414bbc8',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.1_-7da1fc94',2,'8c8f7600-d460-4341-b976-13fa46c6e750',1795660758129478,1795660758144115,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('cb0e949b-093f-4c74-9a15-1b9e0b8d876b','a87121aa-0024-4350-8262-40850414bbc8',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/train_rate=0.2_-7d72c904',2,'a8aeec6a-c465-4385-b3c1-1f0894fb0c6f',1795660758136032,1795660758153744,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('4d305d4e-ca59-48a0-9428-643580bce684','a87121aa-0024-4350-8262-40850414bbc8',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/wrong',2,'10e40aa2-528c-47e6-b3af-608a65d44d19',1795660759984423,1795660759998051,3,NULL,'exit code 3',0,0,NULL,0,0);
INSERT INTO "stages" VALUES('9fd7a981-a08d-4a92-afa9-c61ac8f082ef','a87121aa-0024-4350-8262-40850414bbc8',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/a87121aa-0024-4350-8262-40850414bbc8/after',0,NULL,NULL,1795660760010834,NULL,NULL,NULL,0,0,NULL,0,0);
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
CREATE INDEX ix_chunks_open ON chunks (source_id) WHERE open;
CREATE INDEX ix_sources_owner ON sources (owner);
CREATE INDEX ix_tails_source ON tails (source_id);
CREATE INDEX ix_runs_created ON runs (created_at);
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX ix_events_run ON events (run_id, id);
CREATE INDEX ix_stages_run_status ON stages (run_id, status);
CREATE INDEX ix_stages_status ON stages (status);
CREATE INDEX ix_attempts_status ON attempts (status);
CREATE INDEX ix_dependencies_upstream ON dependencies (upstream_id);
CREATE INDEX ix_slots_attempt_id ON slots (attempt_id);
CREATE INDEX ix_runs_pipeline ON runs (pipeline, created_at);
CREATE INDEX ix_runs_name ON runs (name, created_at);
CREATE INDEX ix_runs_notified ON runs (notified_at);
CREATE INDEX ix_log_reads_host ON log_reads (host);
COMMIT;
