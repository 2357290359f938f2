BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0008');
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
INSERT INTO "attempts" VALUES(1,'6f421e61-4594-48f2-aecc-4e6a38cd9f03',1,'completed','box','9cd9d935-31c5-4608-9a90-0152458c1021','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/prepare/attempt-1','[["box","cpu",0]]',1795764399226522,1795764399230759,1795764399465631,1795764399515121,0,NULL,NULL,NULL,32031,32030,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'56fa9355-c7a1-4d39-bd1a-e50585017f77',1,'failed','box','fb31df0e-f005-4308-abe2-38bb53904147','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/train-rate-0.1/attempt-1','[["box","cpu",0]]',1795764401347438,1795764401347798,1795764401396227,1795764401414819,1,NULL,'exit code 1

trained at 0.1',NULL,32064,32061,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'6d63ead6-1955-447d-b64f-220ada9a74bf',1,'failed','box','5cb0e70d-2781-4917-89fa-c1144fb1872e','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/train-rate-0.2/attempt-1','[["box","cpu",1]]',1795764401354127,1795764401354540,1795764401397917,1795764401421446,1,NULL,'exit code 1

trained at 0.2',NULL,32065,32063,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'56fa9355-c7a1-4d39-bd1a-e50585017f77',2,'completed','box','aba5a195-4852-4c35-981c-66c8c01a38e1','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/train-rate-0.1/attempt-2','[["box","cpu",0]]',1795764401462534,1795764401463045,1795764401491009,1795764401505710,0,NULL,NULL,NULL,32075,32072,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'6d63ead6-1955-447d-b64f-220ada9a74bf',2,'completed','box','2a54404d-f7f4-41d0-9a27-db8c608590b4','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/train-rate-0.2/attempt-2','[["box","cpu",1]]',1795764401469921,1795764401470270,1795764401504752,1795764401533313,0,NULL,NULL,NULL,32077,32074,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'d687f8e4-b179-486d-b531-d1ffc292c522',1,'failed','box','b1c07549-5212-43a4-9799-d4e7d7c89d14','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/wrong/attempt-1','[["box","cpu",0]]',1795764401553379,1795764401553738,1795764401579508,1795764401590227,3,NULL,'exit code 3',NULL,32082,32081,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'d687f8e4-b179-486d-b531-d1ffc292c522',2,'failed','box','cc8f488f-ca54-45f0-bbdb-e0b075cb756e','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/wrong/attempt-2','[["box","cpu",0]]',1795764403742642,1795764403743101,1795764403777212,1795764403788805,3,NULL,'exit code 3',NULL,32164,32163,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'000020213FFB3C6106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000AF3A3FFB3C6106000000000000000000');
INSERT INTO "chunks" VALUES(3,1,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000248440FB3C6106000000000000000000');
INSERT INTO "chunks" VALUES(4,2,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000AAD840FB3C6106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL,
	upstream_id TEXT NOT NULL,
	PRIMARY KEY (stage_id, upstream_id),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE,
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('56fa9355-c7a1-4d39-bd1a-e50585017f77','6f421e61-4594-48f2-aecc-4e6a38cd9f03');
INSERT INTO "dependencies" VALUES('6d63ead6-1955-447d-b64f-220ada9a74bf','6f421e61-4594-48f2-aecc-4e6a38cd9f03');
INSERT INTO "dependencies" VALUES('d687f8e4-b179-486d-b531-d1ffc292c522','56fa9355-c7a1-4d39-bd1a-e50585017f77');
INSERT INTO "dependencies" VALUES('d687f8e4-b179-486d-b531-d1ffc292c522','6d63ead6-1955-447d-b64f-220ada9a74bf');
INSERT INTO "dependencies" VALUES('d04ee1c1-68b5-49b6-917d-2f82870ded23','d687f8e4-b179-486d-b531-d1ffc292c522');
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
INSERT INTO "events" VALUES(1,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',NULL,NULL,1795764397096900,'submitted','5 stages submitted',NULL);
INSERT INTO "events" VALUES(2,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','prepare',NULL,1795764399267472,'running','prepare started',NULL);
INSERT INTO "events" VALUES(3,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',NULL,NULL,1795764399273204,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(4,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','prepare',1,1795764399465631,'started','prepare started as process 32031',NULL);
INSERT INTO "events" VALUES(5,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','prepare',NULL,1795764401339279,'completed','prepare completed',NULL);
INSERT INTO "events" VALUES(6,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.1]',NULL,1795764401339943,'queued','train[rate=0.1] queued',NULL);
INSERT INTO "events" VALUES(7,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',NULL,1795764401339943,'queued','train[rate=0.2] queued',NULL);
INSERT INTO "events" VALUES(8,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.1]',NULL,1795764401358682,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(9,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',NULL,1795764401367937,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(10,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.1]',1,1795764401396227,'started','train[rate=0.1] started as process 32064',NULL);
INSERT INTO "events" VALUES(11,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',1,1795764401397917,'started','train[rate=0.2] started as process 32065',NULL);
INSERT INTO "events" VALUES(12,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',1,1795764401437993,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(13,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.1]',NULL,1795764401458860,'queued','train[rate=0.1] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(14,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',NULL,1795764401466419,'queued','train[rate=0.2] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(15,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.1]',NULL,1795764401473842,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(16,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',NULL,1795764401479309,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(17,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.1]',2,1795764401491009,'started','train[rate=0.1] started as process 32075',NULL);
INSERT INTO "events" VALUES(18,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',2,1795764401504752,'started','train[rate=0.2] started as process 32077',NULL);
INSERT INTO "events" VALUES(19,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',2,1795764401540372,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(20,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.1]',NULL,1795764401548019,'completed','train[rate=0.1] completed',NULL);
INSERT INTO "events" VALUES(21,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','train[rate=0.2]',NULL,1795764401550048,'completed','train[rate=0.2] completed',NULL);
INSERT INTO "events" VALUES(22,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',NULL,1795764401550823,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(23,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',NULL,1795764401558340,'running','wrong started',NULL);
INSERT INTO "events" VALUES(24,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',1,1795764401579508,'started','wrong started as process 32082',NULL);
INSERT INTO "events" VALUES(25,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',NULL,1795764401600357,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(26,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','after',NULL,1795764401601315,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(27,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',NULL,NULL,1795764401601856,'run','run failed','{"status":"failed"}');
INSERT INTO "events" VALUES(28,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',NULL,1795764403721012,'pending','wrong pending',NULL);
INSERT INTO "events" VALUES(29,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','after',NULL,1795764403722440,'pending','after pending',NULL);
INSERT INTO "events" VALUES(30,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',NULL,1795764403723209,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(31,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',NULL,NULL,1795764403724316,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(32,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',NULL,1795764403753057,'running','wrong started',NULL);
INSERT INTO "events" VALUES(33,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',2,1795764403777212,'started','wrong started as process 32164',NULL);
INSERT INTO "events" VALUES(34,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','wrong',NULL,1795764403794442,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(35,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','after',NULL,1795764403794670,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(36,'c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',NULL,NULL,1795764403794877,'run','run failed','{"status":"failed"}');
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
INSERT INTO "runs" VALUES('c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795764397093556,1795764399465631,1795764403794610,1795764403797828,'box',NULL);
CREATE TABLE series (
	id INTEGER NOT NULL,
	owner VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'56fa9355-c7a1-4d39-bd1a-e50585017f77','loss');
INSERT INTO "series" VALUES(2,'6d63ead6-1955-447d-b64f-220ada9a74bf','loss');
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
INSERT INTO "sources" VALUES(1,'6f421e61-4594-48f2-aecc-4e6a38cd9f03','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/prepare/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'6f421e61-4594-48f2-aecc-4e6a38cd9f03','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/prepare/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11192930, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "mlperf": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'6f421e61-4594-48f2-aecc-4e6a38cd9f03','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/prepare/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'56fa9355-c7a1-4d39-bd1a-e50585017f77','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/train-rate-0.1/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11193121, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'6d63ead6-1955-447d-b64f-220ada9a74bf','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/train-rate-0.2/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11191901, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'56fa9355-c7a1-4d39-bd1a-e50585017f77','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/train-rate-0.1/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11193910, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'6d63ead6-1955-447d-b64f-220ada9a74bf','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/train-rate-0.2/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11191988, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'d687f8e4-b179-486d-b531-d1ffc292c522','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/wrong/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'d687f8e4-b179-486d-b531-d1ffc292c522','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/wrong/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'d687f8e4-b179-486d-b531-d1ffc292c522','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/.trainui/wrong/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('6f421e61-4594-48f2-aecc-4e6a38cd9f03','c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/prepare',1,'9cd9d935-31c5-4608-9a90-0152458c1021',1795764399465631,1795764399515121,0,NULL,NULL,0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('56fa9355-c7a1-4d39-bd1a-e50585017f77','c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/train-rate-0.1',2,'aba5a195-4852-4c35-981c-66c8c01a38e1',1795764401491009,1795764401505710,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('6d63ead6-1955-447d-b64f-220ada9a74bf','c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/train-rate-0.2',2,'2a54404d-f7f4-41d0-9a27-db8c608590b4',1795764401504752,1795764401533313,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('d687f8e4-b179-486d-b531-d1ffc292c522','c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/wrong',2,'cc8f488f-ca54-45f0-bbdb-e0b075cb756e',1795764403777212,1795764403788805,3,NULL,'exit code 3',0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('d04ee1c1-68b5-49b6-917d-2f82870ded23','c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/c9b29d54-4f9a-4d3e-b0e1-89ba42ff372e/after',0,NULL,NULL,1795764403794610,NULL,NULL,NULL,0,0,NULL,0,0,NULL);
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
COMMIT;
