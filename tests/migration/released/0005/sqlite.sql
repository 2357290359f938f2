BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
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
INSERT INTO "attempts" VALUES(1,'d0f02e7e-3846-4785-9837-695030b228e8',1,'completed','box','765a9133-6768-4928-b99f-8ae92472a9e6','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/prepare/.trainui/attempt-1','[["box","cpu",0]]',1795580898381929,1795580898421390,1795580898540838,1795580898567845,0,NULL,NULL,NULL,23469,23468,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'fd41c932-5257-4086-a79b-5fc5008fd50c',1,'failed','box','3764f666-2e6f-4d9e-9992-9d97e965d436','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.1_-7da1fc94/.trainui/attempt-1','[["box","cpu",0]]',1795580899249290,1795580899249689,1795580899278903,1795580899287986,1,NULL,'exit code 1

trained at 0.1',NULL,23507,23504,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'145693dd-3d15-4d24-8b02-5b0f23303c99',1,'failed','box','4dc483ff-b3c6-4954-9a8d-ebdea63d1a48','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.2_-7d72c904/.trainui/attempt-1','[["box","cpu",1]]',1795580899258447,1795580899265032,1795580899281982,1795580899287905,1,NULL,'exit code 1

trained at 0.2',NULL,23508,23506,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'145693dd-3d15-4d24-8b02-5b0f23303c99',2,'completed','box','dd25e490-8470-42fe-a9e3-fefc74cc835c','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.2_-7d72c904/.trainui/attempt-2','[["box","cpu",1]]',1795580899318245,1795580899318688,1795580899344641,1795580899354328,0,NULL,NULL,NULL,23515,23513,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'fd41c932-5257-4086-a79b-5fc5008fd50c',2,'completed','box','ef6467c6-9ffd-4748-b044-c1f8acd43037','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.1_-7da1fc94/.trainui/attempt-2','[["box","cpu",0]]',1795580899331465,1795580899331873,1795580899354497,1795580899379294,0,NULL,NULL,NULL,23519,23517,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'5c05869c-d442-49ee-a875-81dc7e8da025',1,'failed','box','74f6f01a-c489-4c10-9e5f-15378231f76e','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/wrong/.trainui/attempt-1','[["box","cpu",0]]',1795580899469432,1795580899469856,1795580899484730,1795580899496315,3,NULL,'exit code 3',NULL,23527,23526,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'5c05869c-d442-49ee-a875-81dc7e8da025',2,'failed','box','c2990451-8387-4f27-9a5e-03cbfd07fb94','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/wrong/.trainui/attempt-2','[["box","cpu",0]]',1795580900954391,1795580900955243,1795580900983589,1795580901001698,3,NULL,'exit code 3',NULL,23545,23544,NULL,0,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "chunks" VALUES(1,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00007DE2AA41126106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00007DE2AA41126106000000000000000000');
INSERT INTO "chunks" VALUES(3,2,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000F4E4AB41126106000000000000000000');
INSERT INTO "chunks" VALUES(4,1,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000FD3CAC41126106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('fd41c932-5257-4086-a79b-5fc5008fd50c','d0f02e7e-3846-4785-9837-695030b228e8');
INSERT INTO "dependencies" VALUES('145693dd-3d15-4d24-8b02-5b0f23303c99','d0f02e7e-3846-4785-9837-695030b228e8');
INSERT INTO "dependencies" VALUES('5c05869c-d442-49ee-a875-81dc7e8da025','fd41c932-5257-4086-a79b-5fc5008fd50c');
INSERT INTO "dependencies" VALUES('5c05869c-d442-49ee-a875-81dc7e8da025','145693dd-3d15-4d24-8b02-5b0f23303c99');
INSERT INTO "dependencies" VALUES('0993e86e-760d-4431-b02c-dc453df9088a','5c05869c-d442-49ee-a875-81dc7e8da025');
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
INSERT INTO "events" VALUES(1,'08bc10e9-7900-4fbb-8334-136c8c941d26',NULL,NULL,1795580896205704,'submitted','5 stages submitted');
INSERT INTO "events" VALUES(2,'08bc10e9-7900-4fbb-8334-136c8c941d26',NULL,NULL,1795580898420039,'run','the run is running');
INSERT INTO "events" VALUES(3,'08bc10e9-7900-4fbb-8334-136c8c941d26','prepare',NULL,1795580898487456,'running','prepare is running');
INSERT INTO "events" VALUES(4,'08bc10e9-7900-4fbb-8334-136c8c941d26','prepare',1,1795580898540838,'started','prepare started as process 23469');
INSERT INTO "events" VALUES(5,'08bc10e9-7900-4fbb-8334-136c8c941d26','prepare',NULL,1795580899242952,'completed','prepare is completed');
INSERT INTO "events" VALUES(6,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.1]',NULL,1795580899245422,'queued','train[rate=0.1] is queued');
INSERT INTO "events" VALUES(7,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',NULL,1795580899245422,'queued','train[rate=0.2] is queued');
INSERT INTO "events" VALUES(8,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.1]',NULL,1795580899268836,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(9,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',NULL,1795580899274754,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(10,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.1]',1,1795580899278903,'started','train[rate=0.1] started as process 23507');
INSERT INTO "events" VALUES(11,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',1,1795580899281982,'started','train[rate=0.2] started as process 23508');
INSERT INTO "events" VALUES(12,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',1,1795580899309003,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO "events" VALUES(13,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',NULL,1795580899315735,'queued','train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(14,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',NULL,1795580899321838,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(15,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.1]',NULL,1795580899325795,'queued','train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(16,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.1]',NULL,1795580899336772,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(17,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',2,1795580899344641,'started','train[rate=0.2] started as process 23515');
INSERT INTO "events" VALUES(18,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.1]',2,1795580899354497,'started','train[rate=0.1] started as process 23519');
INSERT INTO "events" VALUES(19,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',2,1795580899440359,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22');
INSERT INTO "events" VALUES(20,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.1]',NULL,1795580899455049,'completed','train[rate=0.1] is completed');
INSERT INTO "events" VALUES(21,'08bc10e9-7900-4fbb-8334-136c8c941d26','train[rate=0.2]',NULL,1795580899465808,'completed','train[rate=0.2] is completed');
INSERT INTO "events" VALUES(22,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',NULL,1795580899466727,'queued','wrong is queued');
INSERT INTO "events" VALUES(23,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',NULL,1795580899472918,'running','wrong is running');
INSERT INTO "events" VALUES(24,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',1,1795580899484730,'started','wrong started as process 23527');
INSERT INTO "events" VALUES(25,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',NULL,1795580899506237,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(26,'08bc10e9-7900-4fbb-8334-136c8c941d26','after',NULL,1795580899506833,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(27,'08bc10e9-7900-4fbb-8334-136c8c941d26',NULL,NULL,1795580899508523,'run','the run is failed');
INSERT INTO "events" VALUES(28,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',NULL,1795580900934534,'pending','wrong is pending');
INSERT INTO "events" VALUES(29,'08bc10e9-7900-4fbb-8334-136c8c941d26','after',NULL,1795580900935073,'pending','after is pending');
INSERT INTO "events" VALUES(30,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',NULL,1795580900938182,'queued','wrong is queued');
INSERT INTO "events" VALUES(31,'08bc10e9-7900-4fbb-8334-136c8c941d26',NULL,NULL,1795580900945069,'run','the run is running');
INSERT INTO "events" VALUES(32,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',NULL,1795580900959537,'running','wrong is running');
INSERT INTO "events" VALUES(33,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',2,1795580900983589,'started','wrong started as process 23545');
INSERT INTO "events" VALUES(34,'08bc10e9-7900-4fbb-8334-136c8c941d26','wrong',NULL,1795580901014709,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(35,'08bc10e9-7900-4fbb-8334-136c8c941d26','after',NULL,1795580901015123,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(36,'08bc10e9-7900-4fbb-8334-136c8c941d26',NULL,NULL,1795580901015680,'run','the run is failed');
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
INSERT INTO "runs" VALUES('08bc10e9-7900-4fbb-8334-136c8c941d26','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795580896198858,1795580898540838,1795580901015061,1795580901018115,'box',NULL);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'fd41c932-5257-4086-a79b-5fc5008fd50c','loss');
INSERT INTO "series" VALUES(2,'145693dd-3d15-4d24-8b02-5b0f23303c99','loss');
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
INSERT INTO "sources" VALUES(1,'d0f02e7e-3846-4785-9837-695030b228e8','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/prepare/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'d0f02e7e-3846-4785-9837-695030b228e8','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/prepare/.trainui/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11682350, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "fastai": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'d0f02e7e-3846-4785-9837-695030b228e8','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/prepare/.trainui/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'fd41c932-5257-4086-a79b-5fc5008fd50c','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11682561, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'145693dd-3d15-4d24-8b02-5b0f23303c99','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11682455, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'145693dd-3d15-4d24-8b02-5b0f23303c99','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11682898, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'fd41c932-5257-4086-a79b-5fc5008fd50c','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11682578, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'5c05869c-d442-49ee-a875-81dc7e8da025','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/wrong/.trainui/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'5c05869c-d442-49ee-a875-81dc7e8da025','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/wrong/.trainui/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'5c05869c-d442-49ee-a875-81dc7e8da025','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/wrong/.trainui/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('d0f02e7e-3846-4785-9837-695030b228e8','08bc10e9-7900-4fbb-8334-136c8c941d26',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/prepare',1,'765a9133-6768-4928-b99f-8ae92472a9e6',1795580898540838,1795580898567845,0,NULL,NULL,0,0,NULL,0,0);
INSERT INTO "stages" VALUES('fd41c932-5257-4086-a79b-5fc5008fd50c','08bc10e9-7900-4fbb-8334-136c8c941d26',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.1_-7da1fc94',2,'ef6467c6-9ffd-4748-b044-c1f8acd43037',1795580899354497,1795580899379294,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('145693dd-3d15-4d24-8b02-5b0f23303c99','08bc10e9-7900-4fbb-8334-136c8c941d26',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/train_rate=0.2_-7d72c904',2,'dd25e490-8470-42fe-a9e3-fefc74cc835c',1795580899344641,1795580899354328,0,NULL,NULL,0,1,NULL,0,0);
INSERT INTO "stages" VALUES('5c05869c-d442-49ee-a875-81dc7e8da025','08bc10e9-7900-4fbb-8334-136c8c941d26',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/wrong',2,'c2990451-8387-4f27-9a5e-03cbfd07fb94',1795580900983589,1795580901001698,3,NULL,'exit code 3',0,0,NULL,0,0);
INSERT INTO "stages" VALUES('0993e86e-760d-4431-b02c-dc453df9088a','08bc10e9-7900-4fbb-8334-136c8c941d26',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/08bc10e9-7900-4fbb-8334-136c8c941d26/after',0,NULL,NULL,1795580901015061,NULL,NULL,NULL,0,0,NULL,0,0);
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
