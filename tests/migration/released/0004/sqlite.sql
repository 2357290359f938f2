BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
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
INSERT INTO "attempts" VALUES(1,'685a3ab3-4c47-469c-90d2-3ef1b7f8440a',1,'completed','box','02606242-4f6c-4808-85e9-a3f1cf957d6d','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/prepare/.trainui/attempt-1','[["box","cpu",0]]',1795580870725937,1795580870781023,1795580870838402,1795580870874364,0,NULL,NULL,NULL,22923,22922,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'4e077907-dcd4-4ea6-ac5b-9de58727befa',1,'failed','box','821c561c-c5e0-408e-bcb6-ab00f86d181f','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.1_-7da1fc94/.trainui/attempt-1','[["box","cpu",0]]',1795580872294322,1795580872294781,1795580872343512,1795580872363705,1,NULL,'exit code 1

trained at 0.1',NULL,22949,22948,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'a2938fb2-02e9-4ffc-8756-411dc608d4a8',1,'failed','box','b9c2744f-b07a-4418-808d-c6ef09056a38','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.2_-7d72c904/.trainui/attempt-1','[["box","cpu",1]]',1795580872299216,1795580872299705,1795580872349151,1795580872385276,1,NULL,'exit code 1

trained at 0.2',NULL,22953,22951,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'a2938fb2-02e9-4ffc-8756-411dc608d4a8',2,'completed','box','11949733-fde1-411b-bdd6-3cd13e8e59f0','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.2_-7d72c904/.trainui/attempt-2','[["box","cpu",1]]',1795580872413159,1795580872413577,1795580872427898,1795580872447925,0,NULL,NULL,NULL,22960,22959,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'4e077907-dcd4-4ea6-ac5b-9de58727befa',2,'completed','box','9c6f5a87-d7d2-4abe-9065-bcf1e6dc53eb','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.1_-7da1fc94/.trainui/attempt-2','[["box","cpu",0]]',1795580872425552,1795580872425922,1795580872462180,1795580872476648,0,NULL,NULL,NULL,22964,22963,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'2957553f-a22e-410d-acf5-e537a37f3579',1,'failed','box','0c0aa017-8c43-42ef-8f38-c710f8717083','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/wrong/.trainui/attempt-1','[["box","cpu",0]]',1795580872506415,1795580872506804,1795580872529911,1795580872540484,3,NULL,'exit code 3',NULL,22970,22969,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'2957553f-a22e-410d-acf5-e537a37f3579',2,'failed','box','72081657-3807-42af-b36a-e112895f7f75','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/wrong/.trainui/attempt-2','[["box","cpu",0]]',1795580874166143,1795580874166682,1795580874188280,1795580874217870,3,NULL,'exit code 3',NULL,22984,22983,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "chunk_stats" VALUES(1,4,7,2,0,5,5,9,1,5,1,5,0.11,0.15,0.65,0,0.15);
INSERT INTO "chunk_stats" VALUES(2,2,5,1,0,5,0,4,1,5,1,5,0.21,0.25,1.15,0,0.25);
INSERT INTO "chunk_stats" VALUES(2,3,6,2,0,5,5,9,1,5,1,5,0.21,0.25,1.15,0,0.25);
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00005F0D1040126106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000B04F1040126106000000000000000000');
INSERT INTO "chunks" VALUES(3,2,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000764D1140126106000000000000000000');
INSERT INTO "chunks" VALUES(4,1,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000B6C21140126106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('4e077907-dcd4-4ea6-ac5b-9de58727befa','685a3ab3-4c47-469c-90d2-3ef1b7f8440a');
INSERT INTO "dependencies" VALUES('a2938fb2-02e9-4ffc-8756-411dc608d4a8','685a3ab3-4c47-469c-90d2-3ef1b7f8440a');
INSERT INTO "dependencies" VALUES('2957553f-a22e-410d-acf5-e537a37f3579','4e077907-dcd4-4ea6-ac5b-9de58727befa');
INSERT INTO "dependencies" VALUES('2957553f-a22e-410d-acf5-e537a37f3579','a2938fb2-02e9-4ffc-8756-411dc608d4a8');
INSERT INTO "dependencies" VALUES('9f949360-c9d9-4fe9-9522-09514334da32','2957553f-a22e-410d-acf5-e537a37f3579');
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
INSERT INTO "events" VALUES(1,'d80cb79d-f6ac-4304-863b-2a8e18f68569',NULL,NULL,1795580867318984,'submitted','5 stages submitted');
INSERT INTO "events" VALUES(2,'d80cb79d-f6ac-4304-863b-2a8e18f68569',NULL,NULL,1795580870766162,'run','the run is running');
INSERT INTO "events" VALUES(3,'d80cb79d-f6ac-4304-863b-2a8e18f68569','prepare',NULL,1795580870828451,'running','prepare is running');
INSERT INTO "events" VALUES(4,'d80cb79d-f6ac-4304-863b-2a8e18f68569','prepare',1,1795580870838402,'started','prepare started as process 22923');
INSERT INTO "events" VALUES(5,'d80cb79d-f6ac-4304-863b-2a8e18f68569','prepare',NULL,1795580872272616,'completed','prepare is completed');
INSERT INTO "events" VALUES(6,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.1]',NULL,1795580872274726,'queued','train[rate=0.1] is queued');
INSERT INTO "events" VALUES(7,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',NULL,1795580872274726,'queued','train[rate=0.2] is queued');
INSERT INTO "events" VALUES(8,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.1]',NULL,1795580872310904,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(9,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',NULL,1795580872329387,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(10,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.1]',1,1795580872343512,'started','train[rate=0.1] started as process 22949');
INSERT INTO "events" VALUES(11,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',1,1795580872349151,'started','train[rate=0.2] started as process 22953');
INSERT INTO "events" VALUES(12,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',1,1795580872398141,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO "events" VALUES(13,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',NULL,1795580872410390,'queued','train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(14,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',NULL,1795580872418821,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(15,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.1]',NULL,1795580872423781,'queued','train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(16,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',2,1795580872427898,'started','train[rate=0.2] started as process 22960');
INSERT INTO "events" VALUES(17,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.1]',NULL,1795580872449997,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(18,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.1]',2,1795580872462180,'started','train[rate=0.1] started as process 22964');
INSERT INTO "events" VALUES(19,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',2,1795580872484871,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO "events" VALUES(20,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.1]',NULL,1795580872492701,'completed','train[rate=0.1] is completed');
INSERT INTO "events" VALUES(21,'d80cb79d-f6ac-4304-863b-2a8e18f68569','train[rate=0.2]',NULL,1795580872503589,'completed','train[rate=0.2] is completed');
INSERT INTO "events" VALUES(22,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',NULL,1795580872504379,'queued','wrong is queued');
INSERT INTO "events" VALUES(23,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',NULL,1795580872512636,'running','wrong is running');
INSERT INTO "events" VALUES(24,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',1,1795580872529911,'started','wrong started as process 22970');
INSERT INTO "events" VALUES(25,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',NULL,1795580872558411,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(26,'d80cb79d-f6ac-4304-863b-2a8e18f68569','after',NULL,1795580872559032,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(27,'d80cb79d-f6ac-4304-863b-2a8e18f68569',NULL,NULL,1795580872560215,'run','the run is failed');
INSERT INTO "events" VALUES(28,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',NULL,1795580874152527,'pending','wrong is pending');
INSERT INTO "events" VALUES(29,'d80cb79d-f6ac-4304-863b-2a8e18f68569','after',NULL,1795580874153093,'pending','after is pending');
INSERT INTO "events" VALUES(30,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',NULL,1795580874154645,'queued','wrong is queued');
INSERT INTO "events" VALUES(31,'d80cb79d-f6ac-4304-863b-2a8e18f68569',NULL,NULL,1795580874163968,'run','the run is running');
INSERT INTO "events" VALUES(32,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',NULL,1795580874180390,'running','wrong is running');
INSERT INTO "events" VALUES(33,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',2,1795580874188280,'started','wrong started as process 22984');
INSERT INTO "events" VALUES(34,'d80cb79d-f6ac-4304-863b-2a8e18f68569','wrong',NULL,1795580874228081,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(35,'d80cb79d-f6ac-4304-863b-2a8e18f68569','after',NULL,1795580874228456,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(36,'d80cb79d-f6ac-4304-863b-2a8e18f68569',NULL,NULL,1795580874228805,'run','the run is failed');
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
	PRIMARY KEY (id), 
	FOREIGN KEY(digest) REFERENCES pipelines (digest)
);
INSERT INTO "runs" VALUES('d80cb79d-f6ac-4304-863b-2a8e18f68569','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795580867312899,1795580870838402,1795580874228407,1795580874230972);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'4e077907-dcd4-4ea6-ac5b-9de58727befa','loss');
INSERT INTO "series" VALUES(2,'a2938fb2-02e9-4ffc-8756-411dc608d4a8','loss');
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
INSERT INTO "sources" VALUES(1,'685a3ab3-4c47-469c-90d2-3ef1b7f8440a','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/prepare/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'685a3ab3-4c47-469c-90d2-3ef1b7f8440a','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/prepare/.trainui/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11781477, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "fastai": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'685a3ab3-4c47-469c-90d2-3ef1b7f8440a','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/prepare/.trainui/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'4e077907-dcd4-4ea6-ac5b-9de58727befa','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11781509, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'a2938fb2-02e9-4ffc-8756-411dc608d4a8','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11781527, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'a2938fb2-02e9-4ffc-8756-411dc608d4a8','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11781529, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'4e077907-dcd4-4ea6-ac5b-9de58727befa','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11781540, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'2957553f-a22e-410d-acf5-e537a37f3579','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/wrong/.trainui/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'2957553f-a22e-410d-acf5-e537a37f3579','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/wrong/.trainui/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'2957553f-a22e-410d-acf5-e537a37f3579','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/wrong/.trainui/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('685a3ab3-4c47-469c-90d2-3ef1b7f8440a','d80cb79d-f6ac-4304-863b-2a8e18f68569',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/prepare',1,'02606242-4f6c-4808-85e9-a3f1cf957d6d',1795580870838402,1795580870874364,0,NULL,NULL,0,0,NULL,0,0);
INSERT INTO "stages" VALUES('4e077907-dcd4-4ea6-ac5b-9de58727befa','d80cb79d-f6ac-4304-863b-2a8e18f68569',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.1_-7da1fc94',2,'9c6f5a87-d7d2-4abe-9065-bcf1e6dc53eb',1795580872462180,1795580872476648,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('a2938fb2-02e9-4ffc-8756-411dc608d4a8','d80cb79d-f6ac-4304-863b-2a8e18f68569',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/train_rate=0.2_-7d72c904',2,'11949733-fde1-411b-bdd6-3cd13e8e59f0',1795580872427898,1795580872447925,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('2957553f-a22e-410d-acf5-e537a37f3579','d80cb79d-f6ac-4304-863b-2a8e18f68569',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/wrong',2,'72081657-3807-42af-b36a-e112895f7f75',1795580874188280,1795580874217870,3,NULL,'exit code 3',0,0,NULL,0,0);
INSERT INTO "stages" VALUES('9f949360-c9d9-4fe9-9522-09514334da32','d80cb79d-f6ac-4304-863b-2a8e18f68569',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/d80cb79d-f6ac-4304-863b-2a8e18f68569/after',0,NULL,NULL,1795580874228407,NULL,NULL,NULL,0,0,NULL,0,0);
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
