BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0010');
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
INSERT INTO "attempts" VALUES(1,'5df15c38-ef16-4c6d-b358-7d70fe066250',1,'completed','box','b79fcf9d-c065-4388-89d4-26cca6b55c46','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/prepare/attempt-1','[["box","cpu",0]]',1795778183492208,1795778183528829,1795778184247285,1795778184305003,0,NULL,NULL,NULL,28558,28557,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'ca0bef0a-6b3c-4812-8540-0820e5cb0a9d',1,'failed','box','9efe9198-9b5c-44ae-90c7-f30ba0e59248','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/train-rate-0.1/attempt-1','[["box","cpu",0]]',1795778186876962,1795778186877464,1795778186965434,1795778187029383,1,NULL,'exit code 1

trained at 0.1',NULL,28745,28744,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'9388cfa3-8e6d-4b65-a0b9-31eb78bda4e3',1,'failed','box','27b7cc1c-a1db-47d4-be4b-ad57d7e131e3','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/train-rate-0.2/attempt-1','[["box","cpu",1]]',1795778186893148,1795778186893610,1795778187005332,1795778187033252,1,NULL,'exit code 1

trained at 0.2',NULL,28749,28747,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'ca0bef0a-6b3c-4812-8540-0820e5cb0a9d',2,'completed','box','a9716033-4a59-4e92-b65b-8871555eca68','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/train-rate-0.1/attempt-2','[["box","cpu",0]]',1795778187183358,1795778187183757,1795778187302650,1795778187344221,0,NULL,NULL,NULL,28762,28760,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'9388cfa3-8e6d-4b65-a0b9-31eb78bda4e3',2,'completed','box','7d41fcd0-7608-41e2-a575-16a13478fa9a','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/train-rate-0.2/attempt-2','[["box","cpu",1]]',1795778187198115,1795778187198556,1795778187290264,1795778187333706,0,NULL,NULL,NULL,28761,28758,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'6c983ead-4087-4ba4-a7b0-6176d047b5e6',1,'failed','box','a2ab63cf-07c7-405c-8f94-8164843751c0','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/wrong/attempt-1','[["box","cpu",0]]',1795778187426165,1795778187426545,1795778187495015,1795778187536759,3,NULL,'exit code 3',NULL,28770,28768,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'6c983ead-4087-4ba4-a7b0-6176d047b5e6',2,'failed','box','bbd56b98-3ad4-43ba-875d-ed6e8c2dc261','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/wrong/attempt-2','[["box","cpu",0]]',1795778192194665,1795778192195072,1795778192267729,1795778192284729,3,NULL,'exit code 3',NULL,28876,28875,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE chunk_figures (
	series_id BIGINT NOT NULL,
	chunk_id BIGINT NOT NULL,
	figures BLOB NOT NULL,
	PRIMARY KEY (series_id, chunk_id)
)
 WITHOUT ROWID;
INSERT INTO "chunk_figures" VALUES(1,2,X'01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000E17A14AE47E1CA3F000000000000D03F666666666666F23F0000000000000000000000000000D03F');
INSERT INTO "chunk_figures" VALUES(1,3,X'01000000000000000200000000000000070000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000E17A14AE47E1CA3F000000000000D03F666666666666F23F0000000000000000000000000000D03F');
INSERT INTO "chunk_figures" VALUES(2,1,X'01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295C8FC2F528BC3F333333333333C33FCDCCCCCCCCCCE43F0000000000000000333333333333C33F');
INSERT INTO "chunk_figures" VALUES(2,4,X'01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295C8FC2F528BC3F333333333333C33FCDCCCCCCCCCCE43F0000000000000000333333333333C33F');
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
INSERT INTO "chunks" VALUES(1,2,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000D4E9EE30406106000000000000000000');
INSERT INTO "chunks" VALUES(2,1,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00001EF9EE30406106000000000000000000');
INSERT INTO "chunks" VALUES(3,1,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00003A8EF330406106000000000000000000');
INSERT INTO "chunks" VALUES(4,2,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'000000B7F330406106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL,
	upstream_id TEXT NOT NULL,
	PRIMARY KEY (stage_id, upstream_id),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE,
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('ca0bef0a-6b3c-4812-8540-0820e5cb0a9d','5df15c38-ef16-4c6d-b358-7d70fe066250');
INSERT INTO "dependencies" VALUES('9388cfa3-8e6d-4b65-a0b9-31eb78bda4e3','5df15c38-ef16-4c6d-b358-7d70fe066250');
INSERT INTO "dependencies" VALUES('6c983ead-4087-4ba4-a7b0-6176d047b5e6','ca0bef0a-6b3c-4812-8540-0820e5cb0a9d');
INSERT INTO "dependencies" VALUES('6c983ead-4087-4ba4-a7b0-6176d047b5e6','9388cfa3-8e6d-4b65-a0b9-31eb78bda4e3');
INSERT INTO "dependencies" VALUES('9aa484f2-edcc-40bb-8d51-6a0c7170be46','6c983ead-4087-4ba4-a7b0-6176d047b5e6');
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
INSERT INTO "events" VALUES(1,'74a4c2e5-65fe-4df4-86ea-45f73f833efa',NULL,NULL,1795778181066310,'submitted','5 stages submitted',NULL);
INSERT INTO "events" VALUES(2,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','prepare',NULL,1795778184095063,'running','prepare started',NULL);
INSERT INTO "events" VALUES(3,'74a4c2e5-65fe-4df4-86ea-45f73f833efa',NULL,NULL,1795778184102741,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(4,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','prepare',1,1795778184247285,'started','prepare started as process 28558',NULL);
INSERT INTO "events" VALUES(5,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','prepare',NULL,1795778186851769,'completed','prepare completed',NULL);
INSERT INTO "events" VALUES(6,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.1]',NULL,1795778186852532,'queued','train[rate=0.1] queued',NULL);
INSERT INTO "events" VALUES(7,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',NULL,1795778186852532,'queued','train[rate=0.2] queued',NULL);
INSERT INTO "events" VALUES(8,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.1]',NULL,1795778186911671,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(9,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',NULL,1795778186932220,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(10,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.1]',1,1795778186965434,'started','train[rate=0.1] started as process 28745',NULL);
INSERT INTO "events" VALUES(11,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',1,1795778187005332,'started','train[rate=0.2] started as process 28749',NULL);
INSERT INTO "events" VALUES(12,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',1,1795778187065760,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(13,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.1]',NULL,1795778187131720,'queued','train[rate=0.1] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(14,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',NULL,1795778187149694,'queued','train[rate=0.2] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(15,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.1]',NULL,1795778187217636,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(16,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',NULL,1795778187226881,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(17,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',2,1795778187290264,'started','train[rate=0.2] started as process 28761',NULL);
INSERT INTO "events" VALUES(18,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.1]',2,1795778187302650,'started','train[rate=0.1] started as process 28762',NULL);
INSERT INTO "events" VALUES(19,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',2,1795778187349584,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(20,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.2]',NULL,1795778187375707,'completed','train[rate=0.2] completed',NULL);
INSERT INTO "events" VALUES(21,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','train[rate=0.1]',NULL,1795778187402412,'completed','train[rate=0.1] completed',NULL);
INSERT INTO "events" VALUES(22,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',NULL,1795778187403165,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(23,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',NULL,1795778187438735,'running','wrong started',NULL);
INSERT INTO "events" VALUES(24,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',1,1795778187495015,'started','wrong started as process 28770',NULL);
INSERT INTO "events" VALUES(25,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',NULL,1795778187587308,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(26,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','after',NULL,1795778187587904,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(27,'74a4c2e5-65fe-4df4-86ea-45f73f833efa',NULL,NULL,1795778187588512,'run','run failed','{"status":"failed"}');
INSERT INTO "events" VALUES(28,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',NULL,1795778192167468,'pending','wrong pending',NULL);
INSERT INTO "events" VALUES(29,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','after',NULL,1795778192168202,'pending','after pending',NULL);
INSERT INTO "events" VALUES(30,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',NULL,1795778192182664,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(31,'74a4c2e5-65fe-4df4-86ea-45f73f833efa',NULL,NULL,1795778192189763,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(32,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',NULL,1795778192229453,'running','wrong started',NULL);
INSERT INTO "events" VALUES(33,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',2,1795778192267729,'started','wrong started as process 28876',NULL);
INSERT INTO "events" VALUES(34,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','wrong',NULL,1795778192316300,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(35,'74a4c2e5-65fe-4df4-86ea-45f73f833efa','after',NULL,1795778192316732,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(36,'74a4c2e5-65fe-4df4-86ea-45f73f833efa',NULL,NULL,1795778192317178,'run','run failed','{"status":"failed"}');
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
	note VARCHAR,
	verdict VARCHAR,
	PRIMARY KEY (id),
	FOREIGN KEY(digest) REFERENCES pipelines (digest)
);
INSERT INTO "runs" VALUES('74a4c2e5-65fe-4df4-86ea-45f73f833efa','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795778181065612,1795778184247285,1795778192316545,1795778192347786,'box',NULL,NULL,NULL);
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
INSERT INTO "series" VALUES(1,'9388cfa3-8e6d-4b65-a0b9-31eb78bda4e3','loss');
INSERT INTO "series" VALUES(2,'ca0bef0a-6b3c-4812-8540-0820e5cb0a9d','loss');
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
INSERT INTO "sources" VALUES(1,'5df15c38-ef16-4c6d-b358-7d70fe066250','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/prepare/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'5df15c38-ef16-4c6d-b358-7d70fe066250','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/prepare/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11388822, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "mlperf": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'5df15c38-ef16-4c6d-b358-7d70fe066250','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/prepare/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'ca0bef0a-6b3c-4812-8540-0820e5cb0a9d','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/train-rate-0.1/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11388904, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'9388cfa3-8e6d-4b65-a0b9-31eb78bda4e3','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/train-rate-0.2/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11388915, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'ca0bef0a-6b3c-4812-8540-0820e5cb0a9d','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/train-rate-0.1/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11389060, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'9388cfa3-8e6d-4b65-a0b9-31eb78bda4e3','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/train-rate-0.2/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11388991, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'6c983ead-4087-4ba4-a7b0-6176d047b5e6','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/wrong/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'6c983ead-4087-4ba4-a7b0-6176d047b5e6','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/wrong/attempt-1/stdout.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'6c983ead-4087-4ba4-a7b0-6176d047b5e6','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/wrong/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(11,'6c983ead-4087-4ba4-a7b0-6176d047b5e6','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/wrong/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(12,'6c983ead-4087-4ba4-a7b0-6176d047b5e6','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/wrong/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(13,'6c983ead-4087-4ba4-a7b0-6176d047b5e6','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/.trainui/wrong/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('5df15c38-ef16-4c6d-b358-7d70fe066250','74a4c2e5-65fe-4df4-86ea-45f73f833efa',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo prepared | tee /home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/prepare',1,'b79fcf9d-c065-4388-89d4-26cca6b55c46',1795778184247285,1795778184305003,0,NULL,NULL,0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('ca0bef0a-6b3c-4812-8540-0820e5cb0a9d','74a4c2e5-65fe-4df4-86ea-45f73f833efa',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/train-rate-0.1',2,'a9716033-4a59-4e92-b65b-8871555eca68',1795778187302650,1795778187344221,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('9388cfa3-8e6d-4b65-a0b9-31eb78bda4e3','74a4c2e5-65fe-4df4-86ea-45f73f833efa',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/train-rate-0.2',2,'7d41fcd0-7608-41e2-a575-16a13478fa9a',1795778187290264,1795778187333706,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('6c983ead-4087-4ba4-a7b0-6176d047b5e6','74a4c2e5-65fe-4df4-86ea-45f73f833efa',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/wrong',2,'bbd56b98-3ad4-43ba-875d-ed6e8c2dc261',1795778192267729,1795778192284729,3,NULL,'exit code 3',0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('9aa484f2-edcc-40bb-8d51-6a0c7170be46','74a4c2e5-65fe-4df4-86ea-45f73f833efa',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/74a4c2e5-65fe-4df4-86ea-45f73f833efa/after',0,NULL,NULL,1795778192316545,NULL,NULL,NULL,0,0,NULL,0,0,NULL);
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
