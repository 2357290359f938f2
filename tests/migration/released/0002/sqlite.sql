BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
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
INSERT INTO "attempts" VALUES(1,'97cf6edf-9d0d-4cf3-b69a-5a277e003846',1,'completed','box','c348994a-2111-4d2e-a977-f11013ec3f92','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/prepare/.trainui/attempt-1','[["box","cpu",0]]',1795580838576315,1795580838630145,1795580838767848,1795580838789799,0,NULL,NULL,NULL,21944,21943,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'d62726af-6922-4ddd-af83-a7bb5df992aa',1,'failed','box','dff165fe-9769-48ef-a223-87c6b2346cc7','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.1_-7da1fc94/.trainui/attempt-1','[["box","cpu",0]]',1795580839831515,1795580839832633,1795580839855216,1795580839871816,1,NULL,'exit code 1

trained at 0.1',NULL,21977,21975,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'bbc9ccbd-f309-4edc-9e74-9841ea224dcf',1,'failed','box','fbfba78f-1564-4776-acb6-61fabfc63730','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.2_-7d72c904/.trainui/attempt-1','[["box","cpu",1]]',1795580839838881,1795580839840315,1795580839872328,1795580839881237,1,NULL,'exit code 1

trained at 0.2',NULL,21980,21978,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'d62726af-6922-4ddd-af83-a7bb5df992aa',2,'completed','box','9121af44-9e56-4ead-9da9-7c2629c2fe16','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.1_-7da1fc94/.trainui/attempt-2','[["box","cpu",0]]',1795580839932651,1795580839933529,1795580839997697,1795580840015792,0,NULL,NULL,NULL,21989,21988,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'bbc9ccbd-f309-4edc-9e74-9841ea224dcf',2,'completed','box','4a0de6bb-ff8c-45d6-b458-e97dd4d95514','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.2_-7d72c904/.trainui/attempt-2','[["box","cpu",1]]',1795580839938157,1795580839938989,1795580840045279,1795580840063587,0,NULL,NULL,NULL,21994,21991,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'66f3cf46-94bf-472e-9538-f2b42a59e772',1,'failed','box','568bf44f-ab43-48b3-825d-9a32333d3faa','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong/.trainui/attempt-1','[["box","cpu",0]]',1795580840104836,1795580840105672,1795580840149423,1795580840160337,3,NULL,'exit code 3',NULL,22000,21999,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'66f3cf46-94bf-472e-9538-f2b42a59e772',2,'failed','box','3e70847d-b601-4f8c-812e-843196b7460a','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong/.trainui/attempt-2','[["box","cpu",0]]',1795580841433878,1795580841434824,1795580841476425,1795580841483941,3,NULL,'exit code 3',NULL,22024,22023,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "chunk_stats" VALUES(1,3,6,2,0,5,5,9,1,5,1,5,0.11,0.15,0.65,0,0.15);
INSERT INTO "chunk_stats" VALUES(2,2,5,1,0,5,0,4,1,5,1,5,0.21,0.25,1.15,0,0.25);
INSERT INTO "chunk_stats" VALUES(2,4,7,2,0,5,5,9,1,5,1,5,0.21,0.25,1.15,0,0.25);
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00003444203E126106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00004069203E126106000000000000000000');
INSERT INTO "chunks" VALUES(3,1,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00007676223E126106000000000000000000');
INSERT INTO "chunks" VALUES(4,2,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00003A31233E126106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('d62726af-6922-4ddd-af83-a7bb5df992aa','97cf6edf-9d0d-4cf3-b69a-5a277e003846');
INSERT INTO "dependencies" VALUES('bbc9ccbd-f309-4edc-9e74-9841ea224dcf','97cf6edf-9d0d-4cf3-b69a-5a277e003846');
INSERT INTO "dependencies" VALUES('66f3cf46-94bf-472e-9538-f2b42a59e772','d62726af-6922-4ddd-af83-a7bb5df992aa');
INSERT INTO "dependencies" VALUES('66f3cf46-94bf-472e-9538-f2b42a59e772','bbc9ccbd-f309-4edc-9e74-9841ea224dcf');
INSERT INTO "dependencies" VALUES('7e2eca46-d720-4622-946d-3332b53a80b3','66f3cf46-94bf-472e-9538-f2b42a59e772');
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
INSERT INTO "events" VALUES(1,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',NULL,NULL,1795580836588053,'submitted','5 stages submitted');
INSERT INTO "events" VALUES(2,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',NULL,NULL,1795580838606794,'run','the run is running');
INSERT INTO "events" VALUES(3,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','prepare',NULL,1795580838676749,'running','prepare is running');
INSERT INTO "events" VALUES(4,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','prepare',1,1795580838767848,'started','prepare started as process 21944');
INSERT INTO "events" VALUES(5,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','prepare',NULL,1795580839794026,'completed','prepare is completed');
INSERT INTO "events" VALUES(6,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.1]',NULL,1795580839807670,'queued','train[rate=0.1] is queued');
INSERT INTO "events" VALUES(7,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.2]',NULL,1795580839807813,'queued','train[rate=0.2] is queued');
INSERT INTO "events" VALUES(8,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.1]',NULL,1795580839843997,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(9,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.2]',NULL,1795580839850713,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(10,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.1]',1,1795580839855216,'started','train[rate=0.1] started as process 21977');
INSERT INTO "events" VALUES(11,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.2]',1,1795580839872328,'started','train[rate=0.2] started as process 21980');
INSERT INTO "events" VALUES(12,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.1]',NULL,1795580839923040,'queued','train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(13,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.2]',NULL,1795580839930598,'queued','train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(14,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.1]',NULL,1795580839943432,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(15,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.2]',NULL,1795580839962347,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(16,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.1]',2,1795580839997697,'started','train[rate=0.1] started as process 21989');
INSERT INTO "events" VALUES(17,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.1]',NULL,1795580840074342,'completed','train[rate=0.1] is completed');
INSERT INTO "events" VALUES(18,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.2]',2,1795580840045279,'started','train[rate=0.2] started as process 21994');
INSERT INTO "events" VALUES(19,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','train[rate=0.2]',NULL,1795580840100568,'completed','train[rate=0.2] is completed');
INSERT INTO "events" VALUES(20,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',NULL,1795580840101142,'queued','wrong is queued');
INSERT INTO "events" VALUES(21,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',NULL,1795580840109535,'running','wrong is running');
INSERT INTO "events" VALUES(22,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',1,1795580840149423,'started','wrong started as process 22000');
INSERT INTO "events" VALUES(23,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',NULL,1795580840188031,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(24,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','after',NULL,1795580840189011,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(25,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',NULL,NULL,1795580840189644,'run','the run is failed');
INSERT INTO "events" VALUES(26,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',NULL,1795580841404185,'pending','wrong is pending');
INSERT INTO "events" VALUES(27,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','after',NULL,1795580841405012,'pending','after is pending');
INSERT INTO "events" VALUES(28,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',NULL,1795580841409889,'queued','wrong is queued');
INSERT INTO "events" VALUES(29,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',NULL,NULL,1795580841418809,'run','the run is running');
INSERT INTO "events" VALUES(30,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',NULL,1795580841455007,'running','wrong is running');
INSERT INTO "events" VALUES(31,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',2,1795580841476425,'started','wrong started as process 22024');
INSERT INTO "events" VALUES(32,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','wrong',NULL,1795580841521370,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(33,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','after',NULL,1795580841521968,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(34,'113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',NULL,NULL,1795580841522453,'run','the run is failed');
CREATE TABLE flags (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
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
INSERT INTO "runs" VALUES('113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','old','failed','old','fbb750df3e4f78f79e2bdcad986a34fbc45bdd30aa29c7e90126dde45d8e99ab','/home/me/work/pipeline.yaml','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null}',0,1795580836581155,1795580838767848,1795580841521855,1795580841534764);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'d62726af-6922-4ddd-af83-a7bb5df992aa','loss');
INSERT INTO "series" VALUES(2,'bbc9ccbd-f309-4edc-9e74-9841ea224dcf','loss');
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
INSERT INTO "sources" VALUES(1,'97cf6edf-9d0d-4cf3-b69a-5a277e003846','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/prepare/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'97cf6edf-9d0d-4cf3-b69a-5a277e003846','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/prepare/.trainui/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11685563, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "fastai": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'97cf6edf-9d0d-4cf3-b69a-5a277e003846','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/prepare/.trainui/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'d62726af-6922-4ddd-af83-a7bb5df992aa','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11691729, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'bbc9ccbd-f309-4edc-9e74-9841ea224dcf','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11691569, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'d62726af-6922-4ddd-af83-a7bb5df992aa','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11692909, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'bbc9ccbd-f309-4edc-9e74-9841ea224dcf','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11693050, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'66f3cf46-94bf-472e-9538-f2b42a59e772','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'66f3cf46-94bf-472e-9538-f2b42a59e772','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong/.trainui/attempt-1/stdout.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'66f3cf46-94bf-472e-9538-f2b42a59e772','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong/.trainui/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(11,'66f3cf46-94bf-472e-9538-f2b42a59e772','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong/.trainui/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(12,'66f3cf46-94bf-472e-9538-f2b42a59e772','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong/.trainui/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(13,'66f3cf46-94bf-472e-9538-f2b42a59e772','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong/.trainui/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('97cf6edf-9d0d-4cf3-b69a-5a277e003846','113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/prepare',1,'c348994a-2111-4d2e-a977-f11013ec3f92',1795580838767848,1795580838789799,0,NULL,NULL,0,0,NULL,0,0);
INSERT INTO "stages" VALUES('d62726af-6922-4ddd-af83-a7bb5df992aa','113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.1_-7da1fc94',2,'9121af44-9e56-4ead-9da9-7c2629c2fe16',1795580839997697,1795580840015792,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('bbc9ccbd-f309-4edc-9e74-9841ea224dcf','113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/train_rate=0.2_-7d72c904',2,'4a0de6bb-ff8c-45d6-b458-e97dd4d95514',1795580840045279,1795580840063587,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('66f3cf46-94bf-472e-9538-f2b42a59e772','113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/wrong',2,'3e70847d-b601-4f8c-812e-843196b7460a',1795580841476425,1795580841483941,3,NULL,'exit code 3',0,0,NULL,0,0);
INSERT INTO "stages" VALUES('7e2eca46-d720-4622-946d-3332b53a80b3','113f9cc0-7ce9-403b-8c3d-23bf2b602cfd',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/113f9cc0-7ce9-403b-8c3d-23bf2b602cfd/after',0,NULL,NULL,1795580841521855,NULL,NULL,NULL,0,0,NULL,0,0);
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
CREATE INDEX ix_runs_name ON runs (name);
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX ix_events_run ON events (run_id, id);
CREATE INDEX ix_stages_run_status ON stages (run_id, status);
CREATE INDEX ix_stages_status ON stages (status);
CREATE INDEX ix_attempts_status ON attempts (status);
CREATE INDEX ix_dependencies_upstream ON dependencies (upstream_id);
CREATE INDEX ix_slots_attempt_id ON slots (attempt_id);
CREATE INDEX ix_runs_pipeline ON runs (pipeline, created_at);
COMMIT;
