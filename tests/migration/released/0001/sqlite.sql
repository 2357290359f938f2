BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
	metrics_complete BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	UNIQUE (stage_id, number)
);
INSERT INTO "attempts" VALUES(1,'7c9b37a7-92a5-4a9b-b65e-d526e9297722',1,'completed','box','d4a78229-ec39-4344-bd79-569d9c5655f7','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/prepare/.trainui/attempt-1','[["box","cpu",0]]',1795580825703065,1795580825741502,1795580825945275,1795580825979291,0,NULL,NULL,NULL,21672,21671,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(2,'9a157f6e-cb7a-4fba-a410-e38b83701981',1,'failed','box','dee4c71d-2413-4520-b43a-b7e540c31a0d','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.1_-7da1fc94/.trainui/attempt-1','[["box","cpu",0]]',1795580826580189,1795580826581066,1795580826624080,1795580826658337,1,NULL,'exit code 1

trained at 0.1',NULL,21701,21699,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(3,'aed33583-dfbd-4535-b0c9-df9693570f3c',1,'failed','box','67840c77-853a-4ba1-ac19-5a244539651a','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.2_-7d72c904/.trainui/attempt-1','[["box","cpu",1]]',1795580826591561,1795580826592412,1795580826625618,1795580826657177,1,NULL,'exit code 1

trained at 0.2',NULL,21702,21700,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(4,'aed33583-dfbd-4535-b0c9-df9693570f3c',2,'completed','box','464c074f-8d63-4872-a9a7-38d60ec98915','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.2_-7d72c904/.trainui/attempt-2','[["box","cpu",1]]',1795580826710450,1795580826718715,1795580826837993,1795580826849069,0,NULL,NULL,NULL,21718,21716,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(5,'9a157f6e-cb7a-4fba-a410-e38b83701981',2,'completed','box','e676b7f5-3458-41aa-bd1b-ae7d4bd1bd6e','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.1_-7da1fc94/.trainui/attempt-2','[["box","cpu",0]]',1795580826754012,1795580826754804,1795580826826788,1795580826839095,0,NULL,NULL,NULL,21715,21714,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(6,'0f5affc2-017d-4135-8d75-b45dd652b45a',1,'failed','box','e5e6b5c0-1f3c-4049-a923-e959cc9363e8','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/wrong/.trainui/attempt-1','[["box","cpu",0]]',1795580826915877,1795580826916856,1795580826978739,1795580826989386,3,NULL,'exit code 3',NULL,21723,21722,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(7,'0f5affc2-017d-4135-8d75-b45dd652b45a',2,'failed','box','9668a278-4922-4ea3-962f-1815203c0e4c','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/wrong/.trainui/attempt-2','[["box","cpu",0]]',1795580827955890,1795580827957221,1795580828028473,1795580828042204,3,NULL,'exit code 3',NULL,21736,21735,NULL,0,NULL,1);
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
INSERT INTO "chunk_stats" VALUES(1,1,2,1,0,5,0,4,1,5,1,5,0.11,0.15,0.65,0,0.15);
INSERT INTO "chunk_stats" VALUES(1,4,5,2,0,5,5,9,1,5,1,5,0.11,0.15,0.65,0,0.15);
INSERT INTO "chunk_stats" VALUES(2,2,3,1,0,5,0,4,1,5,1,5,0.21,0.25,1.15,0,0.25);
INSERT INTO "chunk_stats" VALUES(2,3,4,2,0,5,5,9,1,5,1,5,0.21,0.25,1.15,0,0.25);
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
INSERT INTO "chunks" VALUES(1,1,2,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00009AA4563D126106000000000000000000');
INSERT INTO "chunks" VALUES(2,2,3,1,0,0,130,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'00006D8B563D126106000000000000000000');
INSERT INTO "chunks" VALUES(3,2,4,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02E17A14AE47E1CA3F010400000090908E900001000000C20001000000F500010000002800010000005C00010000008F000100000002000100000000',X'0000498E593D126106000000000000000000');
INSERT INTO "chunks" VALUES(4,1,5,2,0,0,130,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'02295C8FC2F528BC3F01040000001ED8908E010400000085A3C2C20104000000EB70F5F50104000000513D28280104000000B80A5C5C01040000001ED78F8F010400000005030202000100000000',X'00003062593D126106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('9a157f6e-cb7a-4fba-a410-e38b83701981','7c9b37a7-92a5-4a9b-b65e-d526e9297722');
INSERT INTO "dependencies" VALUES('aed33583-dfbd-4535-b0c9-df9693570f3c','7c9b37a7-92a5-4a9b-b65e-d526e9297722');
INSERT INTO "dependencies" VALUES('0f5affc2-017d-4135-8d75-b45dd652b45a','9a157f6e-cb7a-4fba-a410-e38b83701981');
INSERT INTO "dependencies" VALUES('0f5affc2-017d-4135-8d75-b45dd652b45a','aed33583-dfbd-4535-b0c9-df9693570f3c');
INSERT INTO "dependencies" VALUES('f20b72b1-a5bf-461b-a0bd-fafc30c2e53a','0f5affc2-017d-4135-8d75-b45dd652b45a');
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
INSERT INTO "events" VALUES(1,'196960be-7cf2-462d-96c8-314b4232e99f',NULL,NULL,1795580823968838,'submitted','5 stages submitted');
INSERT INTO "events" VALUES(2,'196960be-7cf2-462d-96c8-314b4232e99f',NULL,NULL,1795580825739689,'run','the run is running');
INSERT INTO "events" VALUES(3,'196960be-7cf2-462d-96c8-314b4232e99f','prepare',NULL,1795580825830886,'running','prepare is running');
INSERT INTO "events" VALUES(4,'196960be-7cf2-462d-96c8-314b4232e99f','prepare',1,1795580825945275,'started','prepare started as process 21672');
INSERT INTO "events" VALUES(5,'196960be-7cf2-462d-96c8-314b4232e99f','prepare',NULL,1795580826564450,'completed','prepare is completed');
INSERT INTO "events" VALUES(6,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.1]',NULL,1795580826566337,'queued','train[rate=0.1] is queued');
INSERT INTO "events" VALUES(7,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.2]',NULL,1795580826566589,'queued','train[rate=0.2] is queued');
INSERT INTO "events" VALUES(8,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.1]',NULL,1795580826602026,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(9,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.2]',NULL,1795580826608229,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(10,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.2]',1,1795580826625618,'started','train[rate=0.2] started as process 21702');
INSERT INTO "events" VALUES(11,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.2]',NULL,1795580826698601,'queued','train[rate=0.2] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(12,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.1]',1,1795580826624080,'started','train[rate=0.1] started as process 21701');
INSERT INTO "events" VALUES(13,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.2]',NULL,1795580826736457,'running','train[rate=0.2] is running');
INSERT INTO "events" VALUES(14,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.1]',NULL,1795580826749346,'queued','train[rate=0.1] is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(15,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.1]',NULL,1795580826766796,'running','train[rate=0.1] is running');
INSERT INTO "events" VALUES(16,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.2]',2,1795580826837993,'started','train[rate=0.2] started as process 21718');
INSERT INTO "events" VALUES(17,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.1]',2,1795580826826788,'started','train[rate=0.1] started as process 21715');
INSERT INTO "events" VALUES(18,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.1]',NULL,1795580826888829,'completed','train[rate=0.1] is completed');
INSERT INTO "events" VALUES(19,'196960be-7cf2-462d-96c8-314b4232e99f','train[rate=0.2]',NULL,1795580826900690,'completed','train[rate=0.2] is completed');
INSERT INTO "events" VALUES(20,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',NULL,1795580826901459,'queued','wrong is queued');
INSERT INTO "events" VALUES(21,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',NULL,1795580826920736,'running','wrong is running');
INSERT INTO "events" VALUES(22,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',1,1795580826978739,'started','wrong started as process 21723');
INSERT INTO "events" VALUES(23,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',NULL,1795580827028471,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(24,'196960be-7cf2-462d-96c8-314b4232e99f','after',NULL,1795580827032275,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(25,'196960be-7cf2-462d-96c8-314b4232e99f',NULL,NULL,1795580827033091,'run','the run is failed');
INSERT INTO "events" VALUES(26,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',NULL,1795580827905001,'pending','wrong is pending');
INSERT INTO "events" VALUES(27,'196960be-7cf2-462d-96c8-314b4232e99f','after',NULL,1795580827905537,'pending','after is pending');
INSERT INTO "events" VALUES(28,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',NULL,1795580827906973,'queued','wrong is queued');
INSERT INTO "events" VALUES(29,'196960be-7cf2-462d-96c8-314b4232e99f',NULL,NULL,1795580827919882,'run','the run is running');
INSERT INTO "events" VALUES(30,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',NULL,1795580827988802,'running','wrong is running');
INSERT INTO "events" VALUES(31,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',2,1795580828028473,'started','wrong started as process 21736');
INSERT INTO "events" VALUES(32,'196960be-7cf2-462d-96c8-314b4232e99f','wrong',NULL,1795580828100251,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(33,'196960be-7cf2-462d-96c8-314b4232e99f','after',NULL,1795580828101371,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(34,'196960be-7cf2-462d-96c8-314b4232e99f',NULL,NULL,1795580828101890,'run','the run is failed');
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
INSERT INTO "runs" VALUES('196960be-7cf2-462d-96c8-314b4232e99f','old','failed','old','fbb750df3e4f78f79e2bdcad986a34fbc45bdd30aa29c7e90126dde45d8e99ab','/home/me/work/pipeline.yaml','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f','{"points":"5"}','{"umask":18,"sys_path":null,"python":"/usr/bin/python3","given":{}}',0,1795580823966608,1795580825945275,1795580828101199,1795580828105802);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'9a157f6e-cb7a-4fba-a410-e38b83701981','loss');
INSERT INTO "series" VALUES(2,'aed33583-dfbd-4535-b0c9-df9693570f3c','loss');
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
INSERT INTO "sources" VALUES(1,'7c9b37a7-92a5-4a9b-b65e-d526e9297722','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/prepare/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'9a157f6e-cb7a-4fba-a410-e38b83701981','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.1_-7da1fc94/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11659048, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(3,'aed33583-dfbd-4535-b0c9-df9693570f3c','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.2_-7d72c904/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,130,5,5,'{"device": 65024, "inode": 11659047, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(4,'aed33583-dfbd-4535-b0c9-df9693570f3c','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.2_-7d72c904/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11659043, "head_size": 128, "head_hash": "b42180f538c6bd7b", "tail_size": 128, "tail_hash": "c70cba15012a0225"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(5,'9a157f6e-cb7a-4fba-a410-e38b83701981','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.1_-7da1fc94/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,130,5,10,'{"device": 65024, "inode": 11659072, "head_size": 128, "head_hash": "51c6d9181f728a4c", "tail_size": 128, "tail_hash": "29751ead8585b390"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(6,'0f5affc2-017d-4135-8d75-b45dd652b45a','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/wrong/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(7,'0f5affc2-017d-4135-8d75-b45dd652b45a','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/wrong/.trainui/attempt-2/metrics.jsonl',NULL,2,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE, 
	UNIQUE (run_id, name)
);
INSERT INTO "stages" VALUES('7c9b37a7-92a5-4a9b-b65e-d526e9297722','196960be-7cf2-462d-96c8-314b4232e99f',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared | tee /home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/prepare/data.txt","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":["data.txt"],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/prepare',1,'d4a78229-ec39-4344-bd79-569d9c5655f7',1795580825945275,1795580825979291,0,NULL,NULL,0,0,NULL,0);
INSERT INTO "stages" VALUES('9a157f6e-cb7a-4fba-a410-e38b83701981','196960be-7cf2-462d-96c8-314b4232e99f',1,'train[rate=0.1]','completed',NULL,'{"name":"train[rate=0.1]","group":"train","matrix":{"rate":"0.1"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.1$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.1\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.1_-7da1fc94',2,'e676b7f5-3458-41aa-bd1b-ae7d4bd1bd6e',1795580826826788,1795580826839095,0,NULL,NULL,0,1,NULL,0);
INSERT INTO "stages" VALUES('aed33583-dfbd-4535-b0c9-df9693570f3c','196960be-7cf2-462d-96c8-314b4232e99f',2,'train[rate=0.2]','completed',NULL,'{"name":"train[rate=0.2]","group":"train","matrix":{"rate":"0.2"},"command":"for i in $(seq 5); do\n  echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.2$i}\" >> $TRAINUI_METRICS_FILE\ndone\necho trained at 0.2\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/train_rate=0.2_-7d72c904',2,'464c074f-8d63-4872-a9a7-38d60ec98915',1795580826837993,1795580826849069,0,NULL,NULL,0,1,NULL,0);
INSERT INTO "stages" VALUES('0f5affc2-017d-4135-8d75-b45dd652b45a','196960be-7cf2-462d-96c8-314b4232e99f',3,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"test -e allowed || exit 3","task":null,"params":{},"depends_on":["train[rate=0.1]","train[rate=0.2]"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/wrong',2,'9668a278-4922-4ea3-962f-1815203c0e4c',1795580828028473,1795580828042204,3,NULL,'exit code 3',0,0,NULL,0);
INSERT INTO "stages" VALUES('f20b72b1-a5bf-461b-a0bd-fafc30c2e53a','196960be-7cf2-462d-96c8-314b4232e99f',4,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/196960be-7cf2-462d-96c8-314b4232e99f/after',0,NULL,NULL,1795580828101199,NULL,NULL,NULL,0,0,NULL,0);
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
COMMIT;
