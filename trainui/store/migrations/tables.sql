CREATE TABLE pipelines (
	digest VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	text VARCHAR NOT NULL,
	PRIMARY KEY (digest)
);

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

CREATE TABLE homes (
	id VARCHAR NOT NULL,
	root VARCHAR NOT NULL,
	path VARCHAR NOT NULL,
	place VARCHAR NOT NULL,
	mount VARCHAR NOT NULL,
	PRIMARY KEY (id)
);

CREATE TABLE flags (
	name VARCHAR NOT NULL,
	value VARCHAR NOT NULL,
	PRIMARY KEY (name)
);

CREATE TABLE series (
	id INTEGER NOT NULL,
	owner VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (owner, name)
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

CREATE TABLE chunk_figures (
	series_id BIGINT NOT NULL,
	chunk_id BIGINT NOT NULL,
	figures BLOB NOT NULL,
	PRIMARY KEY (series_id, chunk_id)
)
 WITHOUT ROWID;

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

CREATE TABLE runs (
	id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
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
	original VARCHAR,
	note VARCHAR,
	verdict VARCHAR,
	started_by VARCHAR,
	PRIMARY KEY (id),
	FOREIGN KEY(digest) REFERENCES pipelines (digest)
);

CREATE TABLE stages (
	id VARCHAR NOT NULL,
	run_id TEXT NOT NULL,
	position INTEGER NOT NULL,
	name VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	reason VARCHAR,
	definition_json VARCHAR NOT NULL,
	executor VARCHAR NOT NULL,
	gpus INTEGER NOT NULL,
	for_host VARCHAR,
	for_queue VARCHAR,
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
	stalls_after FLOAT,
	given_up_json VARCHAR,
	PRIMARY KEY (id),
	UNIQUE (run_id, name),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);

CREATE TABLE searches (
	run_id TEXT NOT NULL,
	name VARCHAR NOT NULL,
	sampler VARCHAR NOT NULL,
	history VARCHAR,
	importance_json VARCHAR,
	PRIMARY KEY (run_id, name),
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);

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

CREATE TABLE dependencies (
	stage_id TEXT NOT NULL,
	upstream_id TEXT NOT NULL,
	PRIMARY KEY (stage_id, upstream_id),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE,
	FOREIGN KEY(upstream_id) REFERENCES stages (id) ON DELETE CASCADE
);

CREATE TABLE attempts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	stage_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	status VARCHAR NOT NULL,
	host VARCHAR NOT NULL,
	executor VARCHAR NOT NULL,
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
	stops_early BOOLEAN NOT NULL,
	restarts BOOLEAN NOT NULL,
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

CREATE TABLE evaluations (
	stage_id TEXT NOT NULL,
	run_id VARCHAR NOT NULL,
	metric VARCHAR,
	PRIMARY KEY (stage_id),
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE
);

CREATE TABLE checkpoints (
	id INTEGER NOT NULL,
	evaluation_id TEXT NOT NULL,
	stage_id TEXT,
	path VARCHAR NOT NULL,
	written_at BIGINT NOT NULL,
	attempt INTEGER NOT NULL,
	step FLOAT,
	identity_json VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	reason VARCHAR,
	held VARCHAR,
	value FLOAT,
	drawn INTEGER NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(evaluation_id) REFERENCES stages (id) ON DELETE CASCADE,
	FOREIGN KEY(stage_id) REFERENCES stages (id) ON DELETE CASCADE
);

CREATE TABLE slots (
	host VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	number INTEGER NOT NULL,
	attempt_id BIGINT NOT NULL,
	PRIMARY KEY (host, kind, number),
	FOREIGN KEY(attempt_id) REFERENCES attempts (id) ON DELETE CASCADE
);

CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));

CREATE INDEX ix_attempts_status ON attempts (status);

CREATE INDEX ix_attempts_unread ON attempts (host) WHERE metrics_complete = 0;

CREATE INDEX ix_checkpoints_evaluation_id ON checkpoints (evaluation_id);

CREATE INDEX ix_checkpoints_stage_id ON checkpoints (stage_id);

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
