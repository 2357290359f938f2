BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
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
	stop_reason VARCHAR, 
	metrics_complete BOOLEAN NOT NULL, 
	definition_json VARCHAR, 
	digest VARCHAR, 
	inputs_json VARCHAR, 
	kept_json VARCHAR, 
	code_change VARCHAR, 
	PRIMARY KEY (id), 
	UNIQUE (stage_id, number), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES(1,'b8a55aa7-1c14-4901-b278-da119d0c1418',1,'completed','box','89c8c708-c13a-4069-9c68-8ade4719c340','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/prepare/.trainui/attempt-1','[["box","cpu",0]]',1795662707658776,1795662707776907,1795662708028169,1795662708060432,0,NULL,NULL,NULL,30327,30325,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'81e6f0e0-0ceb-4652-9129-b013d709c16c',1,'failed','box','cb556f3e-f09e-4e39-a5b7-b85ae10086b1','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.1_-7da1fc94/.trainui/attempt-1','[["box","cpu",0]]',1795662709748011,1795662709748723,1795662709777530,1795662709813172,1,NULL,'exit code 1

trained at 0.1',NULL,30363,30358,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'0b4bae43-1ffe-4984-8081-9ef072af064a',1,'failed','box','2de98b5a-e6fd-417f-95ab-98f63d4fcfe3','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.2_-7d72c904/.trainui/attempt-1','[["box","cpu",1]]',1795662709749311,1795662709749779,1795662709776211,1795662709813002,1,NULL,'exit code 1

trained at 0.2',NULL,30362,30361,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'81e6f0e0-0ceb-4652-9129-b013d709c16c',2,'completed','box','27b85380-7e3f-4b6d-ab28-90c5f9eb2890','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.1_-7da1fc94/.trainui/attempt-2','[["box","cpu",0]]',1795662709900513,1795662709901291,1795662709960208,1795662709977131,0,NULL,NULL,NULL,30373,30370,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'0b4bae43-1ffe-4984-8081-9ef072af064a',2,'completed','box','78843f70-68b3-4fe3-b4f5-94f382f153c4','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.2_-7d72c904/.trainui/attempt-2','[["box","cpu",1]]',1795662709903223,1795662709904000,1795662709974708,1795662709996780,0,NULL,NULL,NULL,30376,30372,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f',1,'failed','box','daeea217-f255-493b-9847-667a34131b1b','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/wrong/.trainui/attempt-1','[["box","cpu",0]]',1795662710148408,1795662710148956,1795662710191715,1795662710201775,3,NULL,'exit code 3',NULL,30382,30381,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f',2,'failed','box','f3d93b30-534a-45a8-b752-498426f40b79','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/wrong/.trainui/attempt-2','[["box","cpu",0]]',1795662715116253,1795662715116870,1795662715153090,1795662715162276,3,NULL,'exit code 3',NULL,30526,30524,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00002768F44D256106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00002768F44D256106000000000000000000');
INSERT INTO "chunks" VALUES(3,1,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00007AEEF64D256106000000000000000000');
INSERT INTO "chunks" VALUES(4,2,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000C133F74D256106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('81e6f0e0-0ceb-4652-9129-b013d709c16c','b8a55aa7-1c14-4901-b278-da119d0c1418');
INSERT INTO "dependencies" VALUES('0b4bae43-1ffe-4984-8081-9ef072af064a','b8a55aa7-1c14-4901-b278-da119d0c1418');
INSERT INTO "dependencies" VALUES('8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f','81e6f0e0-0ceb-4652-9129-b013d709c16c');
INSERT INTO "dependencies" VALUES('8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f','0b4bae43-1ffe-4984-8081-9ef072af064a');
INSERT INTO "dependencies" VALUES('f6019723-ed00-4a3b-afc8-f74a9f30c377','8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f');
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
INSERT INTO "events" VALUES(1,'da3daacb-53f6-46b2-b65b-9aa1fcc50290',NULL,NULL,1795662706289363,'submitted','5 stages submitted');
INSERT INTO "events" VALUES(2,'da3daacb-53f6-46b2-b65b-9aa1fcc50290',NULL,NULL,1795662707720857,'run','the run is running');
INSERT INTO "events" VALUES(3,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','prepare',NULL,1795662707944345,'running','prepare is running');
INSERT INTO "events" VALUES(4,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','prepare',1,1795662708028169,'started','prepare started as process 30327');
INSERT INTO "events" VALUES(5,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','prepare',NULL,1795662709687660,'completed','prepare is completed');
INSERT INTO "events" VALUES(6,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.1]',NULL,1795662709735896,'queued','train[rate=0.1] is queued');
INSERT INTO "events" VALUES(7,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',NULL,1795662709735896,'queued','train[rate=0.2] is queued');
INSERT INTO "events" VALUES(8,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.1]',NULL,1795662709754384,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(9,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',NULL,1795662709763340,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(10,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.1]',1,1795662709777530,'started','train[rate=0.1] started as process 30363');
INSERT INTO "events" VALUES(11,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',1,1795662709776211,'started','train[rate=0.2] started as process 30362');
INSERT INTO "events" VALUES(12,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',1,1795662709828895,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO "events" VALUES(13,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.1]',NULL,1795662709885359,'queued','train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(14,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',NULL,1795662709896024,'queued','train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(15,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.1]',NULL,1795662709918364,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(16,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',NULL,1795662709935529,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(17,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.1]',2,1795662709960208,'started','train[rate=0.1] started as process 30373');
INSERT INTO "events" VALUES(18,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',2,1795662709974708,'started','train[rate=0.2] started as process 30376');
INSERT INTO "events" VALUES(19,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',2,1795662710047785,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO "events" VALUES(20,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.2]',NULL,1795662710103754,'completed','train[rate=0.2] is completed');
INSERT INTO "events" VALUES(21,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','train[rate=0.1]',NULL,1795662710127930,'completed','train[rate=0.1] is completed');
INSERT INTO "events" VALUES(22,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',NULL,1795662710129483,'queued','wrong is queued');
INSERT INTO "events" VALUES(23,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',NULL,1795662710163900,'running','wrong is running');
INSERT INTO "events" VALUES(24,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',1,1795662710191715,'started','wrong started as process 30382');
INSERT INTO "events" VALUES(25,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',NULL,1795662710289619,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(26,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','after',NULL,1795662710290740,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(27,'da3daacb-53f6-46b2-b65b-9aa1fcc50290',NULL,NULL,1795662710292869,'run','the run is failed');
INSERT INTO "events" VALUES(28,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',NULL,1795662715073053,'pending','wrong is pending');
INSERT INTO "events" VALUES(29,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','after',NULL,1795662715083117,'pending','after is pending');
INSERT INTO "events" VALUES(30,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',NULL,1795662715091363,'queued','wrong is queued');
INSERT INTO "events" VALUES(31,'da3daacb-53f6-46b2-b65b-9aa1fcc50290',NULL,NULL,1795662715111839,'run','the run is running');
INSERT INTO "events" VALUES(32,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',NULL,1795662715127049,'running','wrong is running');
INSERT INTO "events" VALUES(33,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',2,1795662715153090,'started','wrong started as process 30526');
INSERT INTO "events" VALUES(34,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','wrong',NULL,1795662715180732,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(35,'da3daacb-53f6-46b2-b65b-9aa1fcc50290','after',NULL,1795662715181299,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(36,'da3daacb-53f6-46b2-b65b-9aa1fcc50290',NULL,NULL,1795662715189198,'run','the run is failed');
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
INSERT INTO "runs" VALUES('da3daacb-53f6-46b2-b65b-9aa1fcc50290','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795662706257242,1795662708028169,1795662715181201,1795662715200140,'box',NULL);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'81e6f0e0-0ceb-4652-9129-b013d709c16c','loss');
INSERT INTO "series" VALUES(2,'0b4bae43-1ffe-4984-8081-9ef072af064a','loss');
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
INSERT INTO "sources" VALUES(1,'b8a55aa7-1c14-4901-b278-da119d0c1418','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/prepare/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'b8a55aa7-1c14-4901-b278-da119d0c1418','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/prepare/.trainui/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11406003, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'b8a55aa7-1c14-4901-b278-da119d0c1418','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/prepare/.trainui/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'81e6f0e0-0ceb-4652-9129-b013d709c16c','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11406020, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'0b4bae43-1ffe-4984-8081-9ef072af064a','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11406011, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'81e6f0e0-0ceb-4652-9129-b013d709c16c','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11406100, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'0b4bae43-1ffe-4984-8081-9ef072af064a','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11406082, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/wrong/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/wrong/.trainui/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/wrong/.trainui/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(11,'8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/wrong/.trainui/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
	PRIMARY KEY (id), 
	UNIQUE (run_id, name), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "stages" VALUES('b8a55aa7-1c14-4901-b278-da119d0c1418','da3daacb-53f6-46b2-b65b-9aa1fcc50290',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/prepare',1,'89c8c708-c13a-4069-9c68-8ade4719c340',1795662708028169,1795662708060432,0,NULL,NULL,0,0,NULL,0,0);
INSERT INTO "stages" VALUES('81e6f0e0-0ceb-4652-9129-b013d709c16c','da3daacb-53f6-46b2-b65b-9aa1fcc50290',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.1_-7da1fc94',2,'27b85380-7e3f-4b6d-ab28-90c5f9eb2890',1795662709960208,1795662709977131,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('0b4bae43-1ffe-4984-8081-9ef072af064a','da3daacb-53f6-46b2-b65b-9aa1fcc50290',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/train_rate=0.2_-7d72c904',2,'78843f70-68b3-4fe3-b4f5-94f382f153c4',1795662709974708,1795662709996780,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('8a46cc1f-e52e-4b7c-b87b-08aa4a68a22f','da3daacb-53f6-46b2-b65b-9aa1fcc50290',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/wrong',2,'f3d93b30-534a-45a8-b752-498426f40b79',1795662715153090,1795662715162276,3,NULL,'exit code 3',0,0,NULL,0,0);
INSERT INTO "stages" VALUES('f6019723-ed00-4a3b-afc8-f74a9f30c377','da3daacb-53f6-46b2-b65b-9aa1fcc50290',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/da3daacb-53f6-46b2-b65b-9aa1fcc50290/after',0,NULL,NULL,1795662715181201,NULL,NULL,NULL,0,0,NULL,0,0);
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
CREATE INDEX ix_runs_pipeline ON runs (pipeline, created_at);
CREATE INDEX ix_runs_name ON runs (name, created_at);
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX ix_runs_created ON runs (created_at);
CREATE INDEX ix_runs_notified ON runs (notified_at);
CREATE INDEX ix_stages_run_status ON stages (run_id, status);
CREATE INDEX ix_stages_status ON stages (status);
CREATE INDEX ix_events_run ON events (run_id, id);
CREATE INDEX ix_dependencies_upstream ON dependencies (upstream_id);
CREATE INDEX ix_attempts_unread ON attempts (host) WHERE metrics_complete = 0;
CREATE INDEX ix_attempts_status ON attempts (status);
CREATE INDEX ix_slots_attempt_id ON slots (attempt_id);
COMMIT;
