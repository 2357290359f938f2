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
INSERT INTO "attempts" VALUES(1,'f0154c6f-734b-4323-964d-dfe13483396b',1,'completed','box','e670ffaf-1f8d-4f72-9456-aede94b0b006','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/prepare/.trainui/attempt-1','[["box","cpu",0]]',1795557565172386,1795557565250691,1795557565426789,1795557565440086,0,NULL,NULL,NULL,14377,14373,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(2,'579c29fc-c58d-4bb0-8f66-6be424c4b12f',1,'failed','box','a1457d51-d37f-4dda-a901-1e603ea09c32','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/train/.trainui/attempt-1','[["box","cpu",0]]',1795557566899550,1795557566901012,1795557566920717,1795557566939698,1,NULL,'exit code 1',NULL,14600,14597,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(3,'579c29fc-c58d-4bb0-8f66-6be424c4b12f',2,'completed','box','eee531f1-3e98-426f-993f-c7d935860394','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/train/.trainui/attempt-2','[["box","cpu",0]]',1795557566989514,1795557566995575,1795557567050196,1795557567070190,0,NULL,NULL,NULL,14620,14616,NULL,0,NULL,1);
INSERT INTO "attempts" VALUES(4,'83d5b902-dd69-4efa-9e5b-8a4dd7b8f6fb',1,'failed','box','d54f1b23-9e98-4556-a54d-fa673022c7c9','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/wrong/.trainui/attempt-1','[["box","cpu",0]]',1795557567151593,1795557567154946,1795557567242763,1795557567259071,3,NULL,'exit code 3',NULL,14651,14647,NULL,0,NULL,1);
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
INSERT INTO "chunk_stats" VALUES(1,1,2,1,0,5,0,4,1,5,1,5,0.1,0.5,1.5,0,0.5);
INSERT INTO "chunk_stats" VALUES(1,2,3,2,0,5,5,9,1,5,1,5,0.1,0.5,1.5,0,0.5);
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
INSERT INTO "chunks" VALUES(1,1,2,1,0,0,125,1,5,0,X'0000000000000000000100000000000000',X'0001000000000000000100000000000000',X'029A9999999999B93F01040000000032CECC01040000000033CCCC01040000000033CCCC01040000000033CCCC01040000000033CCCC01040000000033CCCC010400000020130C0C000100000000',X'00007E79F3D20C6106000000000000000000');
INSERT INTO "chunks" VALUES(2,1,3,2,0,0,125,1,5,0,X'0005000000000000000100000000000000',X'0001000000000000000100000000000000',X'029A9999999999B93F01040000000032CECC01040000000033CCCC01040000000033CCCC01040000000033CCCC01040000000033CCCC01040000000033CCCC010400000020130C0C000100000000',X'00000F71F5D20C6106000000000000000000');
CREATE TABLE dependencies (
	stage_id TEXT NOT NULL, 
	upstream_id TEXT NOT NULL, 
	PRIMARY KEY (stage_id, upstream_id), 
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE, 
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);
INSERT INTO "dependencies" VALUES('579c29fc-c58d-4bb0-8f66-6be424c4b12f','f0154c6f-734b-4323-964d-dfe13483396b');
INSERT INTO "dependencies" VALUES('83d5b902-dd69-4efa-9e5b-8a4dd7b8f6fb','579c29fc-c58d-4bb0-8f66-6be424c4b12f');
INSERT INTO "dependencies" VALUES('d5fc3529-b34a-4a28-a3bc-ca4f2b444aae','83d5b902-dd69-4efa-9e5b-8a4dd7b8f6fb');
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
INSERT INTO "events" VALUES(1,'7fa9fb3c-5169-43bc-8af8-180208434254',NULL,NULL,1795557563737171,'submitted','4 stages submitted');
INSERT INTO "events" VALUES(2,'7fa9fb3c-5169-43bc-8af8-180208434254',NULL,NULL,1795557565244152,'run','the run is running');
INSERT INTO "events" VALUES(3,'7fa9fb3c-5169-43bc-8af8-180208434254','prepare',NULL,1795557565358401,'running','prepare is running');
INSERT INTO "events" VALUES(4,'7fa9fb3c-5169-43bc-8af8-180208434254','prepare',1,1795557565426789,'started','prepare started as process 14377');
INSERT INTO "events" VALUES(5,'7fa9fb3c-5169-43bc-8af8-180208434254','prepare',NULL,1795557566883914,'completed','prepare is completed');
INSERT INTO "events" VALUES(6,'7fa9fb3c-5169-43bc-8af8-180208434254','train',NULL,1795557566891173,'queued','train is queued');
INSERT INTO "events" VALUES(7,'7fa9fb3c-5169-43bc-8af8-180208434254','train',NULL,1795557566907215,'running','train is running');
INSERT INTO "events" VALUES(8,'7fa9fb3c-5169-43bc-8af8-180208434254','train',1,1795557566920717,'started','train started as process 14600');
INSERT INTO "events" VALUES(9,'7fa9fb3c-5169-43bc-8af8-180208434254','train',NULL,1795557566980879,'queued','train is queued: retry 1 of 1: exit code 1');
INSERT INTO "events" VALUES(10,'7fa9fb3c-5169-43bc-8af8-180208434254','train',NULL,1795557567004795,'running','train is running');
INSERT INTO "events" VALUES(11,'7fa9fb3c-5169-43bc-8af8-180208434254','train',2,1795557567050196,'started','train started as process 14620');
INSERT INTO "events" VALUES(12,'7fa9fb3c-5169-43bc-8af8-180208434254','train',NULL,1795557567139722,'completed','train is completed');
INSERT INTO "events" VALUES(13,'7fa9fb3c-5169-43bc-8af8-180208434254','wrong',NULL,1795557567146752,'queued','wrong is queued');
INSERT INTO "events" VALUES(14,'7fa9fb3c-5169-43bc-8af8-180208434254','wrong',NULL,1795557567158989,'running','wrong is running');
INSERT INTO "events" VALUES(15,'7fa9fb3c-5169-43bc-8af8-180208434254','wrong',1,1795557567242763,'started','wrong started as process 14651');
INSERT INTO "events" VALUES(16,'7fa9fb3c-5169-43bc-8af8-180208434254','wrong',NULL,1795557567319575,'failed','wrong is failed: exit code 3');
INSERT INTO "events" VALUES(17,'7fa9fb3c-5169-43bc-8af8-180208434254','after',NULL,1795557567326065,'blocked','after is blocked: wrong failed');
INSERT INTO "events" VALUES(18,'7fa9fb3c-5169-43bc-8af8-180208434254',NULL,NULL,1795557567327152,'run','the run is failed');
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
INSERT INTO "pipelines" VALUES('4f9b6f05a30b53db735cb1a7b22c3dfccfdaa1a43c2e31a97c7616f2b8bba4d1','old','name: old
stages:
  - name: prepare
    run: echo prepared
  - name: train
    run: |
      for i in 1 2 3 4 5; do echo "{\"step\": $i, \"loss\": 0.$i}" >> $TRAINUI_METRICS_FILE; done
      [ $TRAINUI_ATTEMPT = 2 ]
    retries: 1
    retry_delay: 0s
    depends_on: [prepare]
  - name: wrong
    run: exit 3
    depends_on: [train]
  - name: after
    run: echo after
    depends_on: [wrong]
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
INSERT INTO "runs" VALUES('7fa9fb3c-5169-43bc-8af8-180208434254','old','failed','old','4f9b6f05a30b53db735cb1a7b22c3dfccfdaa1a43c2e31a97c7616f2b8bba4d1','/home/me/work/p.yaml','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254','{}','{"umask":18,"sys_path":null,"python":"/usr/bin/python","given":{}}',0,1795557563716693,1795557565426789,1795557567320570,1795557567336142);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (owner, name)
);
INSERT INTO "series" VALUES(1,'579c29fc-c58d-4bb0-8f66-6be424c4b12f','loss');
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
INSERT INTO "sources" VALUES(1,'f0154c6f-734b-4323-964d-dfe13483396b','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/prepare/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
INSERT INTO "sources" VALUES(2,'579c29fc-c58d-4bb0-8f66-6be424c4b12f','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/train/.trainui/attempt-1/metrics.jsonl','jsonl',1,0,125,5,5,'{"device": 65024, "inode": 11461179, "head_size": 125, "head_hash": "a86a218483955f09", "tail_size": 125, "tail_hash": "a86a218483955f09"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(3,'579c29fc-c58d-4bb0-8f66-6be424c4b12f','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/train/.trainui/attempt-2/metrics.jsonl','jsonl',2,0,125,5,10,'{"device": 65024, "inode": 11461898, "head_size": 125, "head_hash": "a86a218483955f09", "tail_size": 125, "tail_hash": "a86a218483955f09"}','{}',0,0,2,NULL);
INSERT INTO "sources" VALUES(4,'83d5b902-dd69-4efa-9e5b-8a4dd7b8f6fb','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/wrong/.trainui/attempt-1/metrics.jsonl',NULL,1,0,0,0,0,NULL,'{}',0,0,0,NULL);
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
INSERT INTO "stages" VALUES('f0154c6f-734b-4323-964d-dfe13483396b','7fa9fb3c-5169-43bc-8af8-180208434254',0,'prepare','completed',NULL,'{"name":"prepare","group":"prepare","matrix":null,"command":"echo prepared","task":null,"params":{},"depends_on":[],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/prepare',1,'e670ffaf-1f8d-4f72-9456-aede94b0b006',1795557565426789,1795557565440086,0,NULL,NULL,0,0,NULL,0);
INSERT INTO "stages" VALUES('579c29fc-c58d-4bb0-8f66-6be424c4b12f','7fa9fb3c-5169-43bc-8af8-180208434254',1,'train','completed',NULL,'{"name":"train","group":"train","matrix":null,"command":"for i in 1 2 3 4 5; do echo \"{\\\"step\\\": $i, \\\"loss\\\": 0.$i}\" >> $TRAINUI_METRICS_FILE; done\n[ $TRAINUI_ATTEMPT = 2 ]\n","task":null,"params":{},"depends_on":["prepare"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":1,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/train',2,'eee531f1-3e98-426f-993f-c7d935860394',1795557567050196,1795557567070190,0,NULL,NULL,0,1,NULL,0);
INSERT INTO "stages" VALUES('83d5b902-dd69-4efa-9e5b-8a4dd7b8f6fb','7fa9fb3c-5169-43bc-8af8-180208434254',2,'wrong','failed','exit code 3','{"name":"wrong","group":"wrong","matrix":null,"command":"exit 3","task":null,"params":{},"depends_on":["train"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/wrong',1,'d54f1b23-9e98-4556-a54d-fa673022c7c9',1795557567242763,1795557567259071,3,NULL,'exit code 3',0,0,NULL,0);
INSERT INTO "stages" VALUES('d5fc3529-b34a-4a28-a3bc-ca4f2b444aae','7fa9fb3c-5169-43bc-8af8-180208434254',3,'after','blocked','wrong failed','{"name":"after","group":"after","matrix":null,"command":"echo after","task":null,"params":{},"depends_on":["wrong"],"workdir":"/home/me/work","env":{},"python":null,"cpus":1,"gpus":0,"retries":0,"retry_delay":0.0,"timeout":null,"silence_timeout":null,"stop_signal":"TERM","grace":30.0,"metrics":null,"checkpoint":null,"resume_args":null,"resume_run":null,"outputs":[],"success":null,"inputs":[],"allow_failure":false}','/home/me/trainui/runs/7fa9fb3c-5169-43bc-8af8-180208434254/after',0,NULL,NULL,1795557567320570,NULL,NULL,NULL,0,0,NULL,0);
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
