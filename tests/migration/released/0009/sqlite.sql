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
INSERT INTO "attempts" VALUES(1,'473a11cc-4c1b-4f51-9724-0e366ff67458',1,'completed','box','e27b7490-2349-44c0-bd04-a1e1ab3c4de3','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/prepare/attempt-1','[["box","cpu",0]]',1795765083055177,1795765083084080,1795765083416862,1795765083449533,0,NULL,NULL,NULL,26622,26621,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,'6672d3b0-6c80-40fa-b3b4-49b40dafd401',1,'failed','box','7ae92332-2832-48f7-aade-0a0ceffb321b','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/train-rate-0.1/attempt-1','[["box","cpu",0]]',1795765086587996,1795765086588369,1795765086611829,1795765086661189,1,NULL,'exit code 1

trained at 0.1',NULL,26646,26642,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,'b470d553-b1f5-4a66-9a19-82596be6ab28',1,'failed','box','873a1950-ddf0-41ed-a3c0-78cb69677199','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/train-rate-0.2/attempt-1','[["box","cpu",1]]',1795765086594653,1795765086595060,1795765086632281,1795765086660051,1,NULL,'exit code 1

trained at 0.2',NULL,26648,26645,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(4,'6672d3b0-6c80-40fa-b3b4-49b40dafd401',2,'completed','box','78c3ab16-de43-4404-8963-11ddf2021d52','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/train-rate-0.1/attempt-2','[["box","cpu",0]]',1795765086766372,1795765086766742,1795765086847890,1795765086869254,0,NULL,NULL,NULL,26661,26658,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(5,'b470d553-b1f5-4a66-9a19-82596be6ab28',2,'completed','box','6e235bec-e1b6-4065-9ca2-0af4c64c8077','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/train-rate-0.2/attempt-2','[["box","cpu",1]]',1795765086801087,1795765086808514,1795765086861862,1795765086912803,0,NULL,NULL,NULL,26663,26660,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(6,'97374639-f331-494d-bf7e-b12d84fcc605',1,'failed','box','829effb0-6869-4df0-aba3-f938561cfa82','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/wrong/attempt-1','[["box","cpu",0]]',1795765086983093,1795765086983498,1795765087049512,1795765087076815,3,NULL,'exit code 3',NULL,26669,26668,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(7,'97374639-f331-494d-bf7e-b12d84fcc605',2,'failed','box','c4a24dc8-7921-41fa-9356-5dd5c8fcc4e3','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/wrong/attempt-2','[["box","cpu",0]]',1795765091825916,1795765091826372,1795765091899981,1795765091915286,3,NULL,'exit code 3',NULL,27008,27006,NULL,0,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE chunk_figures (
	series_id BIGINT NOT NULL,
	chunk_id BIGINT NOT NULL,
	figures BLOB NOT NULL,
	PRIMARY KEY (series_id, chunk_id)
)
 WITHOUT ROWID;
INSERT INTO "chunk_figures" VALUES(1,2,X'01000000000000000100000000000000040000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000295C8FC2F528BC3F333333333333C33FCDCCCCCCCCCCE43F0000000000000000333333333333C33F');
INSERT INTO "chunk_figures" VALUES(1,3,X'01000000000000000200000000000000060000000000000000000000000000000500000000000000050000000000000009000000000000000100000000000000050000000000000001000000000000000500000000000000295C8FC2F528BC3F333333333333C33FCDCCCCCCCCCCE43F0000000000000000333333333333C33F');
INSERT INTO "chunk_figures" VALUES(2,1,X'01000000000000000100000000000000050000000000000000000000000000000500000000000000000000000000000004000000000000000100000000000000050000000000000001000000000000000500000000000000E17A14AE47E1CA3F000000000000D03F666666666666F23F0000000000000000000000000000D03F');
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
INSERT INTO "chunks" VALUES(1,2,5,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000452217243D6106000000000000000000');
INSERT INTO "chunks" VALUES(2,1,4,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'0000771917243D6106000000000000000000');
INSERT INTO "chunks" VALUES(3,1,6,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00004E551A243D6106000000000000000000');
INSERT INTO "chunks" VALUES(4,2,7,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000EAF01A243D6106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL,
	upstream_id TEXT NOT NULL,
	PRIMARY KEY (stage_id, upstream_id),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE,
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('6672d3b0-6c80-40fa-b3b4-49b40dafd401','473a11cc-4c1b-4f51-9724-0e366ff67458');
INSERT INTO "dependencies" VALUES('b470d553-b1f5-4a66-9a19-82596be6ab28','473a11cc-4c1b-4f51-9724-0e366ff67458');
INSERT INTO "dependencies" VALUES('97374639-f331-494d-bf7e-b12d84fcc605','6672d3b0-6c80-40fa-b3b4-49b40dafd401');
INSERT INTO "dependencies" VALUES('97374639-f331-494d-bf7e-b12d84fcc605','b470d553-b1f5-4a66-9a19-82596be6ab28');
INSERT INTO "dependencies" VALUES('0fbf9bc7-b5f8-436c-8e8a-7ae2846b3990','97374639-f331-494d-bf7e-b12d84fcc605');
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
INSERT INTO "events" VALUES(1,'8aa2b4b1-68a9-4549-b05a-c66017153d3f',NULL,NULL,1795765081394393,'submitted','5 stages submitted',NULL);
INSERT INTO "events" VALUES(2,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','prepare',NULL,1795765083362597,'running','prepare started',NULL);
INSERT INTO "events" VALUES(3,'8aa2b4b1-68a9-4549-b05a-c66017153d3f',NULL,NULL,1795765083364192,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(4,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','prepare',1,1795765083416862,'started','prepare started as process 26622',NULL);
INSERT INTO "events" VALUES(5,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','prepare',NULL,1795765086568423,'completed','prepare completed',NULL);
INSERT INTO "events" VALUES(6,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.1]',NULL,1795765086576441,'queued','train[rate=0.1] queued',NULL);
INSERT INTO "events" VALUES(7,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',NULL,1795765086576441,'queued','train[rate=0.2] queued',NULL);
INSERT INTO "events" VALUES(8,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.1]',NULL,1795765086599126,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(9,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',NULL,1795765086605456,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(10,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.1]',1,1795765086611829,'started','train[rate=0.1] started as process 26646',NULL);
INSERT INTO "events" VALUES(11,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',1,1795765086632281,'started','train[rate=0.2] started as process 26648',NULL);
INSERT INTO "events" VALUES(12,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',1,1795765086690623,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(13,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',NULL,1795765086718831,'queued','train[rate=0.2] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(14,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.1]',NULL,1795765086739958,'queued','train[rate=0.1] queued: retry 1 of 1: exit code 1',NULL);
INSERT INTO "events" VALUES(15,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.1]',NULL,1795765086822149,'running','train[rate=0.1] started',NULL);
INSERT INTO "events" VALUES(16,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',NULL,1795765086836538,'running','train[rate=0.2] started',NULL);
INSERT INTO "events" VALUES(17,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.1]',2,1795765086847890,'started','train[rate=0.1] started as process 26661',NULL);
INSERT INTO "events" VALUES(18,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',2,1795765086861862,'started','train[rate=0.2] started as process 26663',NULL);
INSERT INTO "events" VALUES(19,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.1]',NULL,1795765086913780,'completed','train[rate=0.1] completed',NULL);
INSERT INTO "events" VALUES(20,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',2,1795765086937634,'mark','train[rate=0.2]: loss is 0.23 at step 3, above 0.22','{"metric":"loss","step":3,"condition":"above"}');
INSERT INTO "events" VALUES(21,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','train[rate=0.2]',NULL,1795765086960276,'completed','train[rate=0.2] completed',NULL);
INSERT INTO "events" VALUES(22,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',NULL,1795765086971895,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(23,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',NULL,1795765087002777,'running','wrong started',NULL);
INSERT INTO "events" VALUES(24,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',1,1795765087049512,'started','wrong started as process 26669',NULL);
INSERT INTO "events" VALUES(25,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',NULL,1795765087107579,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(26,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','after',NULL,1795765087108090,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(27,'8aa2b4b1-68a9-4549-b05a-c66017153d3f',NULL,NULL,1795765087108491,'run','run failed','{"status":"failed"}');
INSERT INTO "events" VALUES(28,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',NULL,1795765091808898,'pending','wrong pending',NULL);
INSERT INTO "events" VALUES(29,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','after',NULL,1795765091809959,'pending','after pending',NULL);
INSERT INTO "events" VALUES(30,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',NULL,1795765091822370,'queued','wrong queued',NULL);
INSERT INTO "events" VALUES(31,'8aa2b4b1-68a9-4549-b05a-c66017153d3f',NULL,NULL,1795765091823615,'run','run started','{"status":"running"}');
INSERT INTO "events" VALUES(32,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',NULL,1795765091850057,'running','wrong started',NULL);
INSERT INTO "events" VALUES(33,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',2,1795765091899981,'started','wrong started as process 27008',NULL);
INSERT INTO "events" VALUES(34,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','wrong',NULL,1795765091938662,'failed','wrong failed: exit code 3',NULL);
INSERT INTO "events" VALUES(35,'8aa2b4b1-68a9-4549-b05a-c66017153d3f','after',NULL,1795765091938885,'blocked','after blocked: wrong failed',NULL);
INSERT INTO "events" VALUES(36,'8aa2b4b1-68a9-4549-b05a-c66017153d3f',NULL,NULL,1795765091939033,'run','run failed','{"status":"failed"}');
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
INSERT INTO "runs" VALUES('8aa2b4b1-68a9-4549-b05a-c66017153d3f','old','failed','old','ed383fbe94829cb4e74ecf8e6348425080d4dfdfc5675eff07f30c43d6932ef1','/home/me/work/pipeline.yaml','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{},"snapshot":null,"allowed":["/home/me/datasets","/home/me/work/datasets","/home/me/work/data","/home/me/work"]}',0,1795765081393513,1795765083416862,1795765091938823,1795765091967831,'box',NULL);
CREATE TABLE searches (
	run_id TEXT NOT NULL,
	name VARCHAR NOT NULL,
	sampler VARCHAR NOT NULL,
	state BLOB,
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
INSERT INTO "series" VALUES(1,'6672d3b0-6c80-40fa-b3b4-49b40dafd401','loss');
INSERT INTO "series" VALUES(2,'b470d553-b1f5-4a66-9a19-82596be6ab28','loss');
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
INSERT INTO "sources" VALUES(1,'473a11cc-4c1b-4f51-9724-0e366ff67458','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/prepare/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'473a11cc-4c1b-4f51-9724-0e366ff67458','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/prepare/attempt-1/stdout.log#found','text',1,0,9,0,0,'{"device": 65024, "inode": 11444800, "head_size": 9, "head_hash": "477c554d257714fc", "tail_size": 9, "tail_hash": "477c554d257714fc"}','{"memory": {"fairseq": {}, "mmengine": {}, "detectron2": {}, "megatron": {}, "verl": {}, "torchtune": {}, "llmc": {}, "nanogpt": {}, "hf": {}, "paddlenlp": {}, "sb3": {"row": {}, "group": ""}, "rsl_rl": {}, "elements": {}, "ultralytics": {}, "keras": {}, "metriclogger": {}, "timm_train": {}, "xgboost": {}, "lightgbm": {}, "catboost": {}, "gbm": {"XGBoost": {}, "LightGBM": {}, "CatBoost": {}}, "optuna": {}, "mlperf": {}, "columns": {}, "jsonl": {}, "lightning": {"Rich": {}, "Tqdm": {}}, "tqdm": {}, "print": {}, "headed": {}}}',0,0,1,NULL);
INSERT INTO "sources" VALUES(3,'473a11cc-4c1b-4f51-9724-0e366ff67458','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/prepare/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(4,'6672d3b0-6c80-40fa-b3b4-49b40dafd401','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/train-rate-0.1/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11445035, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'b470d553-b1f5-4a66-9a19-82596be6ab28','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/train-rate-0.2/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11445218, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'6672d3b0-6c80-40fa-b3b4-49b40dafd401','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/train-rate-0.1/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11445225, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(7,'b470d553-b1f5-4a66-9a19-82596be6ab28','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/train-rate-0.2/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11445273, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(8,'97374639-f331-494d-bf7e-b12d84fcc605','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/wrong/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(9,'97374639-f331-494d-bf7e-b12d84fcc605','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/wrong/attempt-1/stdout.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(10,'97374639-f331-494d-bf7e-b12d84fcc605','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/wrong/attempt-1/stderr.log#found',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(11,'97374639-f331-494d-bf7e-b12d84fcc605','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/wrong/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(12,'97374639-f331-494d-bf7e-b12d84fcc605','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/wrong/attempt-2/stdout.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(13,'97374639-f331-494d-bf7e-b12d84fcc605','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/.trainui/wrong/attempt-2/stderr.log#found',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('473a11cc-4c1b-4f51-9724-0e366ff67458','8aa2b4b1-68a9-4549-b05a-c66017153d3f',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo prepared | tee /home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/prepare',1,'e27b7490-2349-44c0-bd04-a1e1ab3c4de3',1795765083416862,1795765083449533,0,NULL,NULL,0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('6672d3b0-6c80-40fa-b3b4-49b40dafd401','8aa2b4b1-68a9-4549-b05a-c66017153d3f',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/train-rate-0.1',2,'78c3ab16-de43-4404-8963-11ddf2021d52',1795765086847890,1795765086869254,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('b470d553-b1f5-4a66-9a19-82596be6ab28','8aa2b4b1-68a9-4549-b05a-c66017153d3f',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"over":null,"search":null,"trial":null,"trial_params":null,"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[{"condition":"above","metric":"loss","limit":0.22,"goal":"min","after":null,"action":"mark"}]}','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/train-rate-0.2',2,'6e235bec-e1b6-4065-9ca2-0af4c64c8077',1795765086861862,1795765086912803,0,NULL,NULL,0,1,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('97374639-f331-494d-bf7e-b12d84fcc605','8aa2b4b1-68a9-4549-b05a-c66017153d3f',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/wrong',2,'c4a24dc8-7921-41fa-9356-5dd5c8fcc4e3',1795765091899981,1795765091915286,3,NULL,'exit code 3',0,0,NULL,0,0,NULL);
INSERT INTO "stages" VALUES('0fbf9bc7-b5f8-436c-8e8a-7ae2846b3990','8aa2b4b1-68a9-4549-b05a-c66017153d3f',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"over":null,"search":null,"trial":null,"trial_params":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"gpu_memory":null,"host":null,"queue":null,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false,"alerts":[]}','/home/me/trainui/runs/8aa2b4b1-68a9-4549-b05a-c66017153d3f/after',0,NULL,NULL,1795765091938823,NULL,NULL,NULL,0,0,NULL,0,0,NULL);
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
