BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0011');
CREATE TABLE attempts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
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
	UNIQUE (stage_id, number),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES(1,'0521f5f5-0eb4-4055-b977-06394ed9c910',1,'completed','box','95c7820d-bbf0-493d-a8e5-4b27b7251dec','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/prepare/attempt-1','[["box","cpu",0]]',1795821717260058,1795821717265526,1795821717362254,1795821717376973,0,NULL,NULL,NULL,948,947,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'234fa1ec-2240-4527-bcbe-c016ca2bf43a',1,'failed','box','bb5a5441-49a4-4f96-b4f5-21c6349d58d4','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/train-rate-0.1/attempt-1','[["box","cpu",0]]',1795821718175330,1795821718175657,1795821718192189,1795821718202397,1,NULL,'exit code 1

trained at 0.1',NULL,995,993,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'53e51358-2a5d-4e8b-b3db-219edfa9bcd8',1,'failed','box','565d43e4-130f-4e70-85fa-64d8082be14d','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/train-rate-0.2/attempt-1','[["box","cpu",1]]',1795821718178578,1795821718178870,1795821718197916,1795821718206970,1,NULL,'exit code 1

trained at 0.2',NULL,998,996,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'53e51358-2a5d-4e8b-b3db-219edfa9bcd8',2,'completed','box','03884c07-e590-4dc6-8886-a284c609bb34','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/train-rate-0.2/attempt-2','[["box","cpu",1]]',1795821718238153,1795821718238532,1795821718266121,1795821718279147,0,NULL,NULL,NULL,1007,1004,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'234fa1ec-2240-4527-bcbe-c016ca2bf43a',2,'completed','box','4f025af6-4e8c-4827-aff1-ac20c7c543fd','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/train-rate-0.1/attempt-2','[["box","cpu",0]]',1795821718251343,1795821718254640,1795821718270042,1795821718279933,0,NULL,NULL,NULL,1008,1006,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'23456733-e7d0-4fd0-9ef8-70ccccf6e756',1,'failed','box','c759888f-fff8-43de-8de3-edc6b062e657','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/wrong/attempt-1','[["box","cpu",0]]',1795821718301774,1795821718302093,1795821718315502,1795821718321765,3,NULL,'exit code 3',NULL,1013,1012,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'23456733-e7d0-4fd0-9ef8-70ccccf6e756',2,'failed','box','b072b976-7421-40bc-93ae-aba50613ff3b','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/wrong/attempt-2','[["box","cpu",0]]',1795821719167657,1795821719168162,1795821719185304,1795821719194805,3,NULL,'exit code 3',NULL,1027,1024,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE chunk_figures (
	series_id BIGINT NOT NULL,
	chunk_id BIGINT NOT NULL,
	figures BLOB NOT NULL,
	PRIMARY KEY (series_id, chunk_id)
)
 WITHOUT ROWID;
INSERT INTO "chunk_figures" VALUES(1,1,X'01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295C8FC2F528BC3F333333333333C33FCDCCCCCCCCCCE43F0000000000000000333333333333C33F');
INSERT INTO "chunk_figures" VALUES(1,4,X'01000000000000000200000000000000070000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295C8FC2F528BC3F333333333333C33FCDCCCCCCCCCCE43F0000000000000000333333333333C33F');
INSERT INTO "chunk_figures" VALUES(2,2,X'01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000E17A14AE47E1CA3F000000000000D03F666666666666F23F0000000000000000000000000000D03F');
INSERT INTO "chunk_figures" VALUES(2,3,X'01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000E17A14AE47E1CA3F000000000000D03F666666666666F23F0000000000000000000000000000D03F');
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000AEE697534A6106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000CBF897534A6106000000000000000000');
INSERT INTO "chunks" VALUES(3,2,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00005F0F99534A6106000000000000000000');
INSERT INTO "chunks" VALUES(4,1,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000931599534A6106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL,
	upstream_id TEXT NOT NULL,
	PRIMARY KEY (stage_id, upstream_id),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE,
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('234fa1ec-2240-4527-bcbe-c016ca2bf43a','0521f5f5-0eb4-4055-b977-06394ed9c910');
INSERT INTO "dependencies" VALUES('53e51358-2a5d-4e8b-b3db-219edfa9bcd8','0521f5f5-0eb4-4055-b977-06394ed9c910');
INSERT INTO "dependencies" VALUES('23456733-e7d0-4fd0-9ef8-70ccccf6e756','234fa1ec-2240-4527-bcbe-c016ca2bf43a');
INSERT INTO "dependencies" VALUES('23456733-e7d0-4fd0-9ef8-70ccccf6e756','53e51358-2a5d-4e8b-b3db-219edfa9bcd8');
INSERT INTO "dependencies" VALUES('da18d72e-416f-442f-9863-cb8d5d0a2e35','23456733-e7d0-4fd0-9ef8-70ccccf6e756');
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	run_id TEXT NOT NULL,
	stage VARCHAR,
	attempt INTEGER,
	time BIGINT NOT NULL,
	kind VARCHAR NOT NULL,
	text VARCHAR NOT NULL,
	data_json VARCHAR,
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "events" VALUES(1,'87114541-a500-4a71-bbbf-613ac269a526',NULL,NULL,1795821716543754,'submitted','5 stages submitted',NULL);
INSERT INTO "events" VALUES(2,'87114541-a500-4a71-bbbf-613ac269a526','prepare',NULL,1795821717333122,'running','prepare started',NULL);
INSERT INTO "events" VALUES(3,'87114541-a500-4a71-bbbf-613ac269a526',NULL,NULL,1795821717334822,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(4,'87114541-a500-4a71-bbbf-613ac269a526','prepare',1,1795821717362254,'started','prepare started as process 948',NULL);
INSERT INTO "events" VALUES(5,'87114541-a500-4a71-bbbf-613ac269a526','prepare',NULL,1795821718167810,'completed','prepare completed',NULL);
INSERT INTO "events" VALUES(6,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.1]',NULL,1795821718172124,'queued','train[rate=0.1] queued',NULL);
INSERT INTO "events" VALUES(7,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',NULL,1795821718172124,'queued','train[rate=0.2] queued',NULL);
INSERT INTO "events" VALUES(8,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.1]',NULL,1795821718179369,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(9,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',NULL,1795821718184109,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(10,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.1]',1,1795821718192189,'started','train[rate=0.1] started as process 995',NULL);
INSERT INTO "events" VALUES(11,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',1,1795821718197916,'started','train[rate=0.2] started as process 998',NULL);
INSERT INTO "events" VALUES(12,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',1,1795821718219840,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(13,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',NULL,1795821718232966,'queued','train[rate=0.2] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(14,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.1]',NULL,1795821718239029,'queued','train[rate=0.1] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(15,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',NULL,1795821718247604,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(16,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.1]',NULL,1795821718258371,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(17,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',2,1795821718266121,'started','train[rate=0.2] started as process 1007',NULL);
INSERT INTO "events" VALUES(18,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.1]',2,1795821718270042,'started','train[rate=0.1] started as process 1008',NULL);
INSERT INTO "events" VALUES(19,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',2,1795821718286372,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(20,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.2]',NULL,1795821718295370,'completed','train[rate=0.2] completed',NULL);
INSERT INTO "events" VALUES(21,'87114541-a500-4a71-bbbf-613ac269a526','train[rate=0.1]',NULL,1795821718297984,'completed','train[rate=0.1] completed',NULL);
INSERT INTO "events" VALUES(22,'87114541-a500-4a71-bbbf-613ac269a526','wrong',NULL,1795821718300022,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(23,'87114541-a500-4a71-bbbf-613ac269a526','wrong',NULL,1795821718305412,'running','wrong started',NULL);
INSERT INTO "events" VALUES(24,'87114541-a500-4a71-bbbf-613ac269a526','wrong',1,1795821718315502,'started','wrong started as process 1013',NULL);
INSERT INTO "events" VALUES(25,'87114541-a500-4a71-bbbf-613ac269a526','wrong',NULL,1795821718325633,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(26,'87114541-a500-4a71-bbbf-613ac269a526','after',NULL,1795821718326238,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(27,'87114541-a500-4a71-bbbf-613ac269a526',NULL,NULL,1795821718326632,'run','run failed','{"status":"failed"}');
INSERT INTO "events" VALUES(28,'87114541-a500-4a71-bbbf-613ac269a526','wrong',NULL,1795821719158871,'pending','wrong pending',NULL);
INSERT INTO "events" VALUES(29,'87114541-a500-4a71-bbbf-613ac269a526','after',NULL,1795821719159575,'pending','after pending',NULL);
INSERT INTO "events" VALUES(30,'87114541-a500-4a71-bbbf-613ac269a526','wrong',NULL,1795821719160183,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(31,'87114541-a500-4a71-bbbf-613ac269a526',NULL,NULL,1795821719161173,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(32,'87114541-a500-4a71-bbbf-613ac269a526','wrong',NULL,1795821719173513,'running','wrong started',NULL);
INSERT INTO "events" VALUES(33,'87114541-a500-4a71-bbbf-613ac269a526','wrong',2,1795821719185304,'started','wrong started as process 1027',NULL);
INSERT INTO "events" VALUES(34,'87114541-a500-4a71-bbbf-613ac269a526','wrong',NULL,1795821719200181,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(35,'87114541-a500-4a71-bbbf-613ac269a526','after',NULL,1795821719200401,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(36,'87114541-a500-4a71-bbbf-613ac269a526',NULL,NULL,1795821719200547,'run','run failed','{"status":"failed"}');
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
INSERT INTO "runs" VALUES('87114541-a500-4a71-bbbf-613ac269a526','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795821716543032,1795821717362254,1795821719200344,1795821719213426,'box',NULL,NULL,NULL);
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
INSERT INTO "series" VALUES(1,'234fa1ec-2240-4527-bcbe-c016ca2bf43a','loss');
INSERT INTO "series" VALUES(2,'53e51358-2a5d-4e8b-b3db-219edfa9bcd8','loss');
CREATE TABLE slots (
	host VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	number INTEGER NOT NULL,
	attempt_id BIGINT NOT NULL,
	PRIMARY KEY (host, kind, number),
	FOREIGN KEY(attempt_id) REFERENCES attempts (id) ON DELETE CASCADE
);
CREATE TABLE sources (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
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
	problem VARCHAR
);
INSERT INTO "sources" VALUES(1,'0521f5f5-0eb4-4055-b977-06394ed9c910','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/prepare/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'0521f5f5-0eb4-4055-b977-06394ed9c910','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/prepare/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11791028, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"labels": {"held": []}, "memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "darknet": {}, "optuna": {}, "mlperf": {}, "allennlp": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}, "values": {"counts": {}, "print": {}}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'0521f5f5-0eb4-4055-b977-06394ed9c910','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/prepare/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'234fa1ec-2240-4527-bcbe-c016ca2bf43a','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/train-rate-0.1/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11791271, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'53e51358-2a5d-4e8b-b3db-219edfa9bcd8','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/train-rate-0.2/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11804940, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'53e51358-2a5d-4e8b-b3db-219edfa9bcd8','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/train-rate-0.2/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11806677, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'234fa1ec-2240-4527-bcbe-c016ca2bf43a','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/train-rate-0.1/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11808274, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'23456733-e7d0-4fd0-9ef8-70ccccf6e756','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/wrong/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'23456733-e7d0-4fd0-9ef8-70ccccf6e756','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/wrong/attempt-1/stdout.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'23456733-e7d0-4fd0-9ef8-70ccccf6e756','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/wrong/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(11,'23456733-e7d0-4fd0-9ef8-70ccccf6e756','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/wrong/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(12,'23456733-e7d0-4fd0-9ef8-70ccccf6e756','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/wrong/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(13,'23456733-e7d0-4fd0-9ef8-70ccccf6e756','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/.trainui/wrong/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('0521f5f5-0eb4-4055-b977-06394ed9c910','87114541-a500-4a71-bbbf-613ac269a526',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo prepared | tee /home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/prepare',1,'95c7820d-bbf0-493d-a8e5-4b27b7251dec',1795821717362254,1795821717376973,0,NULL,NULL,0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('234fa1ec-2240-4527-bcbe-c016ca2bf43a','87114541-a500-4a71-bbbf-613ac269a526',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/train-rate-0.1',2,'4f025af6-4e8c-4827-aff1-ac20c7c543fd',1795821718270042,1795821718279933,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('53e51358-2a5d-4e8b-b3db-219edfa9bcd8','87114541-a500-4a71-bbbf-613ac269a526',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/train-rate-0.2',2,'03884c07-e590-4dc6-8886-a284c609bb34',1795821718266121,1795821718279147,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('23456733-e7d0-4fd0-9ef8-70ccccf6e756','87114541-a500-4a71-bbbf-613ac269a526',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/wrong',2,'b072b976-7421-40bc-93ae-aba50613ff3b',1795821719185304,1795821719194805,3,NULL,'exit code 3',0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('da18d72e-416f-442f-9863-cb8d5d0a2e35','87114541-a500-4a71-bbbf-613ac269a526',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/87114541-a500-4a71-bbbf-613ac269a526/after',0,NULL,NULL,1795821719200344,NULL,NULL,NULL,0,0,NULL,0,0,NULL);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',36);
INSERT INTO "sqlite_sequence" VALUES('attempts',7);
INSERT INTO "sqlite_sequence" VALUES('sources',13);
COMMIT;
