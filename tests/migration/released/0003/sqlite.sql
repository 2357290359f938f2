BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
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
	metrics_complete BOOLEAN NOT NULL, definition_json VARCHAR, digest VARCHAR, inputs_json VARCHAR, kept_json VARCHAR, code_change VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	UNIQUE (stage_id, number)
);
INSERT INTO "attempts" VALUES(1,'414e72c6-256f-4003-a262-20bd71fbf839',1,'completed','box','3a5c8691-077b-434e-aa87-b2db20277bc7','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/prepare/.trainui/attempt-1','[["box","cpu",0]]',1795580849945830,1795580849976224,1795580850068016,1795580850084574,0,NULL,NULL,NULL,22414,22413,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'84b3a33a-7c51-492b-8e2a-e5d0611b5f4e',1,'failed','box','75d3ad3b-a9fd-425f-b07a-bab95beaac5d','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.1_-7da1fc94/.trainui/attempt-1','[["box","cpu",0]]',1795580850860503,1795580850861393,1795580850877828,1795580850885114,1,NULL,'exit code 1

trained at 0.1',NULL,22426,22425,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'bcaddffe-bc1a-4118-a953-2afe2e99ae1f',1,'failed','box','6c3f0e26-7028-4170-915a-e714529c909b','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.2_-7d72c904/.trainui/attempt-1','[["box","cpu",1]]',1795580850868084,1795580850868902,1795580850895813,1795580850902780,1,NULL,'exit code 1

trained at 0.2',NULL,22432,22429,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'84b3a33a-7c51-492b-8e2a-e5d0611b5f4e',2,'completed','box','939e11cd-53b7-483b-bbd9-7502ce9d92b2','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.1_-7da1fc94/.trainui/attempt-2','[["box","cpu",0]]',1795580850926491,1795580850930226,1795580850980518,1795580851004525,0,NULL,NULL,NULL,22441,22439,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'bcaddffe-bc1a-4118-a953-2afe2e99ae1f',2,'completed','box','0f13a054-5c67-450c-8346-a27cb02bf983','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.2_-7d72c904/.trainui/attempt-2','[["box","cpu",1]]',1795580850940163,1795580850943717,1795580850972136,1795580850981594,0,NULL,NULL,NULL,22438,22436,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'53b431be-4cad-416c-b5e9-0de83507b299',1,'failed','box','9faca055-b45b-4984-a8bc-7f108e72a603','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong/.trainui/attempt-1','[["box","cpu",0]]',1795580851030149,1795580851030983,1795580851043008,1795580851050882,3,NULL,'exit code 3',NULL,22447,22446,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'53b431be-4cad-416c-b5e9-0de83507b299',2,'failed','box','2e9063ea-61e3-49ee-90b2-5800bd595125','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong/.trainui/attempt-2','[["box","cpu",0]]',1795580851808817,1795580851809741,1795580851823602,1795580851827203,3,NULL,'exit code 3',NULL,22475,22474,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE chunk_stats (
	series_id BIGINT NOT NULL, 
	chunk_id BIGINT NOT NULL, 
	source_id INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	generation INTEGER NOT NULL, 
	n INTEGER NOT NULL, 
	first_ordinal BIGINT NOT NULL, 
	last_ordinal BIGINT NOT NULL, 
	first_step NUMERIC NOT NULL, 
	last_step NUMERIC NOT NULL, 
	low_step NUMERIC NOT NULL, 
	high_step NUMERIC NOT NULL, 
	minimum FLOAT, 
	maximum FLOAT, 
	total FLOAT NOT NULL, 
	nonfinite INTEGER NOT NULL, 
	last FLOAT, 
	PRIMARY KEY (series_id, chunk_id)
)
 WITHOUT ROWID

;
INSERT INTO "chunk_stats" VALUES(1,1,4,1,0,5,0,4,1,5,1,5,0.11,0.15,0.65,0,0.15);
INSERT INTO "chunk_stats" VALUES(1,4,6,2,0,5,5,9,1,5,1,5,0.11,0.15,0.65,0,0.15);
INSERT INTO "chunk_stats" VALUES(2,2,5,1,0,5,0,4,1,5,1,5,0.21,0.25,1.15,0,0.25);
INSERT INTO "chunk_stats" VALUES(2,3,7,2,0,5,5,9,1,5,1,5,0.21,0.25,1.15,0,0.25);
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000C050C83E126106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00003694C83E126106000000000000000000');
INSERT INTO "chunks" VALUES(3,2,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000F3C9C93E126106000000000000000000');
INSERT INTO "chunks" VALUES(4,1,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00004123CA3E126106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('84b3a33a-7c51-492b-8e2a-e5d0611b5f4e','414e72c6-256f-4003-a262-20bd71fbf839');
INSERT INTO "dependencies" VALUES('bcaddffe-bc1a-4118-a953-2afe2e99ae1f','414e72c6-256f-4003-a262-20bd71fbf839');
INSERT INTO "dependencies" VALUES('53b431be-4cad-416c-b5e9-0de83507b299','84b3a33a-7c51-492b-8e2a-e5d0611b5f4e');
INSERT INTO "dependencies" VALUES('53b431be-4cad-416c-b5e9-0de83507b299','bcaddffe-bc1a-4118-a953-2afe2e99ae1f');
INSERT INTO "dependencies" VALUES('ca2eb79d-3084-4d20-8041-c97d9be13af4','53b431be-4cad-416c-b5e9-0de83507b299');
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
INSERT INTO "events" VALUES(1,'56cf3deb-436b-48fb-8ac9-395d69687939',NULL,NULL,1795580848826043,'submitted','5 stages submitted');
INSERT INTO "events" VALUES(2,'56cf3deb-436b-48fb-8ac9-395d69687939',NULL,NULL,1795580849962307,'run','the run is running');
INSERT INTO "events" VALUES(3,'56cf3deb-436b-48fb-8ac9-395d69687939','prepare',NULL,1795580850052436,'running','prepare is running');
INSERT INTO "events" VALUES(4,'56cf3deb-436b-48fb-8ac9-395d69687939','prepare',1,1795580850068016,'started','prepare started as process 22414');
INSERT INTO "events" VALUES(5,'56cf3deb-436b-48fb-8ac9-395d69687939','prepare',NULL,1795580850848511,'completed','prepare is completed');
INSERT INTO "events" VALUES(6,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.1]',NULL,1795580850850700,'queued','train[rate=0.1] is queued');
INSERT INTO "events" VALUES(7,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.2]',NULL,1795580850850834,'queued','train[rate=0.2] is queued');
INSERT INTO "events" VALUES(8,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.1]',NULL,1795580850865263,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(9,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.2]',NULL,1795580850876509,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(10,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.1]',1,1795580850877828,'started','train[rate=0.1] started as process 22426');
INSERT INTO "events" VALUES(11,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.2]',1,1795580850895813,'started','train[rate=0.2] started as process 22432');
INSERT INTO "events" VALUES(12,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.1]',NULL,1795580850910257,'queued','train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(13,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.2]',NULL,1795580850933418,'queued','train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(14,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.1]',NULL,1795580850950407,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(15,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.2]',NULL,1795580850957021,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(16,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.2]',2,1795580850972136,'started','train[rate=0.2] started as process 22438');
INSERT INTO "events" VALUES(17,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.1]',2,1795580850980518,'started','train[rate=0.1] started as process 22441');
INSERT INTO "events" VALUES(18,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.2]',NULL,1795580851006805,'completed','train[rate=0.2] is completed');
INSERT INTO "events" VALUES(19,'56cf3deb-436b-48fb-8ac9-395d69687939','train[rate=0.1]',NULL,1795580851024735,'completed','train[rate=0.1] is completed');
INSERT INTO "events" VALUES(20,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',NULL,1795580851025288,'queued','wrong is queued');
INSERT INTO "events" VALUES(21,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',NULL,1795580851036100,'running','wrong is running');
INSERT INTO "events" VALUES(22,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',1,1795580851043008,'started','wrong started as process 22447');
INSERT INTO "events" VALUES(23,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',NULL,1795580851143509,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(24,'56cf3deb-436b-48fb-8ac9-395d69687939','after',NULL,1795580851144400,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(25,'56cf3deb-436b-48fb-8ac9-395d69687939',NULL,NULL,1795580851145029,'run','the run is failed');
INSERT INTO "events" VALUES(26,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',NULL,1795580851796376,'pending','wrong is pending');
INSERT INTO "events" VALUES(27,'56cf3deb-436b-48fb-8ac9-395d69687939','after',NULL,1795580851796906,'pending','after is pending');
INSERT INTO "events" VALUES(28,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',NULL,1795580851798177,'queued','wrong is queued');
INSERT INTO "events" VALUES(29,'56cf3deb-436b-48fb-8ac9-395d69687939',NULL,NULL,1795580851801191,'run','the run is running');
INSERT INTO "events" VALUES(30,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',NULL,1795580851814349,'running','wrong is running');
INSERT INTO "events" VALUES(31,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',2,1795580851823602,'started','wrong started as process 22475');
INSERT INTO "events" VALUES(32,'56cf3deb-436b-48fb-8ac9-395d69687939','wrong',NULL,1795580851850590,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(33,'56cf3deb-436b-48fb-8ac9-395d69687939','after',NULL,1795580851851132,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(34,'56cf3deb-436b-48fb-8ac9-395d69687939',NULL,NULL,1795580851851889,'run','the run is failed');
CREATE TABLE flags (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "flags" VALUES('notified_event','1');
CREATE TABLE pipelines (
	digest VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "pipelines" VALUES('fbb750df3e4f78f79e2bdcad986a34fbc45bdd30aa29c7e90126dde45d8e99ab','old','# What is run for the database that is kept of a release; what later versions can do is added here.
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
	PRIMARY KEY (id), 
	FOREIGN KEY(digest) REFERENCES pipelines (digest)
);
INSERT INTO "runs" VALUES('56cf3deb-436b-48fb-8ac9-395d69687939','old','failed','old','fbb750df3e4f78f79e2bdcad986a34fbc45bdd30aa29c7e90126dde45d8e99ab','/home/me/work/pipeline.yaml','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795580848823565,1795580850068016,1795580851850996,1795580851856364);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'84b3a33a-7c51-492b-8e2a-e5d0611b5f4e','loss');
INSERT INTO "series" VALUES(2,'bcaddffe-bc1a-4118-a953-2afe2e99ae1f','loss');
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
INSERT INTO "sources" VALUES(1,'414e72c6-256f-4003-a262-20bd71fbf839','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/prepare/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'414e72c6-256f-4003-a262-20bd71fbf839','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/prepare/.trainui/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11772162, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "fastai": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'414e72c6-256f-4003-a262-20bd71fbf839','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/prepare/.trainui/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'84b3a33a-7c51-492b-8e2a-e5d0611b5f4e','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11772322, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'bcaddffe-bc1a-4118-a953-2afe2e99ae1f','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11772321, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'84b3a33a-7c51-492b-8e2a-e5d0611b5f4e','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11772355, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'bcaddffe-bc1a-4118-a953-2afe2e99ae1f','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11772336, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'53b431be-4cad-416c-b5e9-0de83507b299','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'53b431be-4cad-416c-b5e9-0de83507b299','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong/.trainui/attempt-1/stdout.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'53b431be-4cad-416c-b5e9-0de83507b299','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong/.trainui/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(11,'53b431be-4cad-416c-b5e9-0de83507b299','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong/.trainui/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(12,'53b431be-4cad-416c-b5e9-0de83507b299','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong/.trainui/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(13,'53b431be-4cad-416c-b5e9-0de83507b299','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong/.trainui/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('414e72c6-256f-4003-a262-20bd71fbf839','56cf3deb-436b-48fb-8ac9-395d69687939',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/prepare',1,'3a5c8691-077b-434e-aa87-b2db20277bc7',1795580850068016,1795580850084574,0,NULL,NULL,0,0,NULL,0,0);
INSERT INTO "stages" VALUES('84b3a33a-7c51-492b-8e2a-e5d0611b5f4e','56cf3deb-436b-48fb-8ac9-395d69687939',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.1_-7da1fc94',2,'939e11cd-53b7-483b-bbd9-7502ce9d92b2',1795580850980518,1795580851004525,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('bcaddffe-bc1a-4118-a953-2afe2e99ae1f','56cf3deb-436b-48fb-8ac9-395d69687939',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/train_rate=0.2_-7d72c904',2,'0f13a054-5c67-450c-8346-a27cb02bf983',1795580850972136,1795580850981594,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('53b431be-4cad-416c-b5e9-0de83507b299','56cf3deb-436b-48fb-8ac9-395d69687939',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/wrong',2,'2e9063ea-61e3-49ee-90b2-5800bd595125',1795580851823602,1795580851827203,3,NULL,'exit code 3',0,0,NULL,0,0);
INSERT INTO "stages" VALUES('ca2eb79d-3084-4d20-8041-c97d9be13af4','56cf3deb-436b-48fb-8ac9-395d69687939',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/56cf3deb-436b-48fb-8ac9-395d69687939/after',0,NULL,NULL,1795580851850996,NULL,NULL,NULL,0,0,NULL,0,0);
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
COMMIT;
