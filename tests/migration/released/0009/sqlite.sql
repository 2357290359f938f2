BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0009');
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
	pruning_json VARCHAR,
	PRIMARY KEY (id),
	UNIQUE (stage_id, number),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES(1,'a16af1ee-ec20-4511-b618-295ace4a03ac',1,'completed','box','2d257cf2-afbc-46a3-a79f-7161d9e1b0ce','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/prepare/attempt-1','[["box","cpu",0]]',1795766549214657,1795766549229319,1795766549369471,1795766549388267,0,NULL,NULL,NULL,16774,16772,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'018f1ec7-325a-4b94-becd-2363c3a5a4bf',1,'failed','box','cdaf3cc5-a21f-4ad2-b315-d009b93fbe72','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/train-rate-0.1/attempt-1','[["box","cpu",0]]',1795766550984718,1795766550985107,1795766550998146,1795766551006420,1,NULL,'exit code 1

trained at 0.1',NULL,16859,16857,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'cfda89ff-16ea-49fc-9caa-00216f2f6a3f',1,'failed','box','c431678a-d534-4581-aac7-f031bf4e2556','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/train-rate-0.2/attempt-1','[["box","cpu",1]]',1795766550986366,1795766550986672,1795766551050298,1795766551069960,1,NULL,'exit code 1

trained at 0.2',NULL,16864,16862,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'018f1ec7-325a-4b94-becd-2363c3a5a4bf',2,'completed','box','64c5f5da-cbf0-429d-9426-38f4b99aa254','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/train-rate-0.1/attempt-2','[["box","cpu",0]]',1795766551053558,1795766551053957,1795766551083771,1795766551130329,0,NULL,NULL,NULL,16868,16867,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'cfda89ff-16ea-49fc-9caa-00216f2f6a3f',2,'completed','box','02b80ab9-1ff5-4223-a29c-aeb02c6ab182','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/train-rate-0.2/attempt-2','[["box","cpu",1]]',1795766551105193,1795766551105540,1795766551137249,1795766551165885,0,NULL,NULL,NULL,16873,16870,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'ba4fbd24-95cc-433f-9d7f-d555f1e76fac',1,'failed','box','ea558ce7-3aae-4e78-86fa-0b7d8979af52','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/wrong/attempt-1','[["box","cpu",0]]',1795766551189647,1795766551190318,1795766551215155,1795766551232847,3,NULL,'exit code 3',NULL,16881,16880,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'ba4fbd24-95cc-433f-9d7f-d555f1e76fac',2,'failed','box','c9ae693c-2d6e-4185-911a-d7ae91987cd4','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/wrong/attempt-2','[["box","cpu",0]]',1795766553266355,1795766553266784,1795766553320801,1795766553333526,3,NULL,'exit code 3',NULL,17011,17010,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE chunk_figures (
	series_id BIGINT NOT NULL,
	chunk_id BIGINT NOT NULL,
	figures BLOB NOT NULL,
	PRIMARY KEY (series_id, chunk_id)
)
 WITHOUT ROWID;
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000A84B5F7B3D6106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000F23C607B3D6106000000000000000000');
INSERT INTO "chunks" VALUES(3,1,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000DC2E617B3D6106000000000000000000');
INSERT INTO "chunks" VALUES(4,2,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'01007902071CA20100000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL,
	upstream_id TEXT NOT NULL,
	PRIMARY KEY (stage_id, upstream_id),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE,
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('018f1ec7-325a-4b94-becd-2363c3a5a4bf','a16af1ee-ec20-4511-b618-295ace4a03ac');
INSERT INTO "dependencies" VALUES('cfda89ff-16ea-49fc-9caa-00216f2f6a3f','a16af1ee-ec20-4511-b618-295ace4a03ac');
INSERT INTO "dependencies" VALUES('ba4fbd24-95cc-433f-9d7f-d555f1e76fac','018f1ec7-325a-4b94-becd-2363c3a5a4bf');
INSERT INTO "dependencies" VALUES('ba4fbd24-95cc-433f-9d7f-d555f1e76fac','cfda89ff-16ea-49fc-9caa-00216f2f6a3f');
INSERT INTO "dependencies" VALUES('08aeabb8-5680-4063-9e7d-217f39bccda8','ba4fbd24-95cc-433f-9d7f-d555f1e76fac');
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
INSERT INTO "events" VALUES(1,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',NULL,NULL,1795766547998168,'submitted','5 stages submitted',NULL);
INSERT INTO "events" VALUES(2,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','prepare',NULL,1795766549327044,'running','prepare started',NULL);
INSERT INTO "events" VALUES(3,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',NULL,NULL,1795766549328061,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(4,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','prepare',1,1795766549369471,'started','prepare started as process 16774',NULL);
INSERT INTO "events" VALUES(5,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','prepare',NULL,1795766550972037,'completed','prepare completed',NULL);
INSERT INTO "events" VALUES(6,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.1]',NULL,1795766550974890,'queued','train[rate=0.1] queued',NULL);
INSERT INTO "events" VALUES(7,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',NULL,1795766550974890,'queued','train[rate=0.2] queued',NULL);
INSERT INTO "events" VALUES(8,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.1]',NULL,1795766550990521,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(9,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',NULL,1795766550999337,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(10,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.1]',1,1795766550998146,'started','train[rate=0.1] started as process 16859',NULL);
INSERT INTO "events" VALUES(11,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.1]',NULL,1795766551029425,'queued','train[rate=0.1] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(12,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',1,1795766551050298,'started','train[rate=0.2] started as process 16864',NULL);
INSERT INTO "events" VALUES(13,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.1]',NULL,1795766551070911,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(14,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',1,1795766551084807,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(15,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',NULL,1795766551101264,'queued','train[rate=0.2] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(16,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',NULL,1795766551111816,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(17,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.1]',2,1795766551083771,'started','train[rate=0.1] started as process 16868',NULL);
INSERT INTO "events" VALUES(18,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.1]',NULL,1795766551152467,'completed','train[rate=0.1] completed',NULL);
INSERT INTO "events" VALUES(19,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',2,1795766551137249,'started','train[rate=0.2] started as process 16873',NULL);
INSERT INTO "events" VALUES(20,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',2,1795766551166864,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(21,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','train[rate=0.2]',NULL,1795766551178821,'completed','train[rate=0.2] completed',NULL);
INSERT INTO "events" VALUES(22,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',NULL,1795766551179605,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(23,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',NULL,1795766551195222,'running','wrong started',NULL);
INSERT INTO "events" VALUES(24,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',1,1795766551215155,'started','wrong started as process 16881',NULL);
INSERT INTO "events" VALUES(25,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',NULL,1795766551243605,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(26,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','after',NULL,1795766551244546,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(27,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',NULL,NULL,1795766551245310,'run','run failed','{"status":"failed"}');
INSERT INTO "events" VALUES(28,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',NULL,1795766553254803,'pending','wrong pending',NULL);
INSERT INTO "events" VALUES(29,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','after',NULL,1795766553255604,'pending','after pending',NULL);
INSERT INTO "events" VALUES(30,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',NULL,1795766553256242,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(31,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',NULL,NULL,1795766553261763,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(32,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',NULL,1795766553281280,'running','wrong started',NULL);
INSERT INTO "events" VALUES(33,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',2,1795766553320801,'started','wrong started as process 17011',NULL);
INSERT INTO "events" VALUES(34,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','wrong',NULL,1795766553354266,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(35,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','after',NULL,1795766553354477,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(36,'4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',NULL,NULL,1795766553354628,'run','run failed','{"status":"failed"}');
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
INSERT INTO "runs" VALUES('4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795766547997510,1795766549369471,1795766553354420,1795766553364334,'box',NULL);
CREATE TABLE searches (
	run_id TEXT NOT NULL,
	name VARCHAR NOT NULL,
	sampler VARCHAR NOT NULL,
	state BLOB,
	importance_json VARCHAR,
	PRIMARY KEY (run_id, name),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
CREATE TABLE series (
	id INTEGER NOT NULL,
	owner VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'018f1ec7-325a-4b94-becd-2363c3a5a4bf','loss');
INSERT INTO "series" VALUES(2,'cfda89ff-16ea-49fc-9caa-00216f2f6a3f','loss');
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
INSERT INTO "sources" VALUES(1,'a16af1ee-ec20-4511-b618-295ace4a03ac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/prepare/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'a16af1ee-ec20-4511-b618-295ace4a03ac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/prepare/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11191544, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "mlperf": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'a16af1ee-ec20-4511-b618-295ace4a03ac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/prepare/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'018f1ec7-325a-4b94-becd-2363c3a5a4bf','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/train-rate-0.1/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11191576, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'cfda89ff-16ea-49fc-9caa-00216f2f6a3f','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/train-rate-0.2/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11191577, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'018f1ec7-325a-4b94-becd-2363c3a5a4bf','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/train-rate-0.1/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11191800, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'cfda89ff-16ea-49fc-9caa-00216f2f6a3f','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/train-rate-0.2/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11191621, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'ba4fbd24-95cc-433f-9d7f-d555f1e76fac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/wrong/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'ba4fbd24-95cc-433f-9d7f-d555f1e76fac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/wrong/attempt-1/stdout.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'ba4fbd24-95cc-433f-9d7f-d555f1e76fac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/wrong/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(11,'ba4fbd24-95cc-433f-9d7f-d555f1e76fac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/wrong/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(12,'ba4fbd24-95cc-433f-9d7f-d555f1e76fac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/wrong/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(13,'ba4fbd24-95cc-433f-9d7f-d555f1e76fac','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/.trainui/wrong/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('a16af1ee-ec20-4511-b618-295ace4a03ac','4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo prepared | tee /home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/prepare',1,'2d257cf2-afbc-46a3-a79f-7161d9e1b0ce',1795766549369471,1795766549388267,0,NULL,NULL,0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('018f1ec7-325a-4b94-becd-2363c3a5a4bf','4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/train-rate-0.1',2,'64c5f5da-cbf0-429d-9426-38f4b99aa254',1795766551083771,1795766551130329,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('cfda89ff-16ea-49fc-9caa-00216f2f6a3f','4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/train-rate-0.2',2,'02b80ab9-1ff5-4223-a29c-aeb02c6ab182',1795766551137249,1795766551165885,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('ba4fbd24-95cc-433f-9d7f-d555f1e76fac','4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/wrong',2,'c9ae693c-2d6e-4185-911a-d7ae91987cd4',1795766553320801,1795766553333526,3,NULL,'exit code 3',0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('08aeabb8-5680-4063-9e7d-217f39bccda8','4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/4f0d6258-b9b8-4d5e-adcc-c295c30f3ac9/after',0,NULL,NULL,1795766553354420,NULL,NULL,NULL,0,0,NULL,0,0,NULL);
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
CREATE TABLE trials (
	stage_id TEXT NOT NULL,
	run_id VARCHAR NOT NULL,
	search VARCHAR NOT NULL,
	number INTEGER NOT NULL,
	state VARCHAR NOT NULL,
	value FLOAT,
	step FLOAT,
	reason VARCHAR,
	PRIMARY KEY (stage_id),
	UNIQUE (run_id, search, number),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE
);
CREATE INDEX ix_attempts_status ON attempts (status);
CREATE INDEX ix_attempts_unread ON attempts (host) WHERE metrics_complete = 0;
CREATE INDEX ix_chunks_open ON chunks (source_id) WHERE open;
CREATE INDEX ix_dependencies_upstream ON dependencies (upstream_id);
CREATE INDEX ix_events_run ON events (run_id, id);
CREATE INDEX ix_log_reads_host ON log_reads (host);
CREATE INDEX ix_runs_created ON runs (created_at);
CREATE INDEX ix_runs_name ON runs (name, created_at);
CREATE INDEX ix_runs_notified ON runs (notified_at);
CREATE INDEX ix_runs_pipeline ON runs (pipeline, created_at);
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX ix_slots_attempt_id ON slots (attempt_id);
CREATE INDEX ix_sources_owner ON sources (owner);
CREATE INDEX ix_stages_run_status ON stages (run_id, status);
CREATE INDEX ix_stages_status ON stages (status);
CREATE INDEX ix_tails_source ON tails (source_id);
CREATE INDEX ix_trials_state ON trials (state);
COMMIT;
