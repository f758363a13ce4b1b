BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
CREATE TABLE analyses (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	curve_id INTEGER NOT NULL, 
	method VARCHAR(50) NOT NULL, 
	method_version INTEGER NOT NULL, 
	blob_sha256 VARCHAR(64) NOT NULL, 
	computed_ms BIGINT NOT NULL, 
	result JSON NOT NULL, 
	CONSTRAINT fk_analyses_curve_id FOREIGN KEY(curve_id) REFERENCES curves (id), 
	CONSTRAINT uq_analyses_curve_id_method_method_version_blob_sha256 UNIQUE (curve_id, method, method_version, blob_sha256)
);
INSERT INTO "analyses" VALUES(1,1,'piecewise-linear',8,'f6118813d7014be27e3abc39ede31e30716ea0fafdaa3fc8439032fb4408c520',1760000000000,'{"method": "piecewise-linear", "method_version": 8, "curve": {"points": [{"tokens": 2, "latency_ns": 2000002.0, "low_ns": 1998041.6, "high_ns": 2001962.4, "standard_error_ns": 2000.0, "readings": 5, "rejected": 0, "passes": 5, "doubted": false}, {"tokens": 17, "latency_ns": 17000002.0, "low_ns": 16983338.2, "high_ns": 17016665.8, "standard_error_ns": 17000.0, "readings": 5, "rejected": 0, "passes": 5, "doubted": false}], "factors": [{"fence": 1, "round": 0, "number": 0, "factor": 0.9999994411769775, "readings": 2, "rejected": 1, "doubts": [], "found": []}, {"fence": 1, "round": 0, "number": 1, "factor": 0.9999997205884887, "readings": 2, "rejected": 1, "doubts": [], "found": []}, {"fence": 1, "round": 0, "number": 2, "factor": 1.0, "readings": 2, "rejected": 1, "doubts": [], "found": []}, {"fence": 1, "round": 0, "number": 3, "factor": 1.0000002794115113, "readings": 2, "rejected": 1, "doubts": [], "found": []}, {"fence": 1, "round": 0, "number": 4, "factor": 1.0000005588230225, "readings": 2, "rejected": 1, "doubts": [], "found": []}], "doubts": [{"reason": "too-few", "evidence": "1 of 3 token counts have too few accepted readings (fewer than 5, and fewer than were asked for), the poorest 0: 9"}], "point_doubts": []}, "steps": {"outcome": "too-few", "steps": [], "explanation": "2 token counts were measured; a step needs 3 on each side of it", "slopes": [], "unsure": [], "budget_used_up": false}, "sweet_spots": [{"tokens": 2, "kind": "slope", "latency_ns": 2000002.0, "low_ns": 1998041.6, "high_ns": 2001962.4, "saves_percent": 88.23528373702544, "next_tokens": 17, "saves_low_percent": 88.2189638415437, "saves_high_percent": 88.25158102447801, "certainty": 1.0}, {"tokens": 17, "kind": "full", "latency_ns": 17000002.0, "low_ns": 16983338.2, "high_ns": 17016665.8, "saves_percent": 0.0, "next_tokens": null, "saves_low_percent": 0.0, "saves_high_percent": 0.0, "certainty": 1.0}], "recommendation": {"choices": [], "note": "No smaller token count is clearly faster than the untouched model, so nothing is worth removing here."}, "blocks": null}');
CREATE TABLE attempts (
	job_id INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	claim VARCHAR(64) NOT NULL, 
	started_ms BIGINT NOT NULL, 
	ended_ms BIGINT, 
	ending VARCHAR(10), 
	failure JSON, 
	CONSTRAINT pk_attempts PRIMARY KEY (job_id, fence), 
	CONSTRAINT ck_attempts_ending CHECK (ending IN ('done', 'failed', 'cancelled', 'given-back', 'expired', 'restarted')), 
	CONSTRAINT ck_attempts_ended CHECK ((ending IS NULL) = (ended_ms IS NULL)), 
	CONSTRAINT fk_attempts_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "attempts" VALUES(1,1,'measured',1760000000000,1760000000000,'done',NULL);
INSERT INTO "attempts" VALUES(2,1,'failed',1760000000000,1760000000000,'failed','{"reason": "model-unsupported", "message": "it broke", "advice": "mend it"}');
INSERT INTO "attempts" VALUES(4,1,'given-back',1760000000000,1760000000000,'given-back',NULL);
INSERT INTO "attempts" VALUES(4,2,'silent',1760000000000,1760000090001,'expired','{"reason": "timed-out", "message": "The device stopped answering while it held the job.", "advice": "Is the device switched on and online? See `stepfarm-agent doctor` on it."}');
INSERT INTO "attempts" VALUES(4,3,'at-work',1760000180001,NULL,NULL,NULL);
CREATE TABLE curves (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id INTEGER, 
	facts JSON NOT NULL, 
	readings BIGINT NOT NULL, 
	accepted BIGINT NOT NULL, 
	created_ms BIGINT NOT NULL, 
	sealed_ms BIGINT, 
	format INTEGER, 
	blob BLOB, 
	blob_sha256 VARCHAR(64), imported JSON CONSTRAINT ck_curves_measured_or_imported CHECK ((job_id IS NULL) = (imported IS NOT NULL)), 
	CONSTRAINT ck_curves_sealed_with_a_hash CHECK ((blob IS NULL) = (blob_sha256 IS NULL)), 
	CONSTRAINT ck_curves_sealed CHECK ((blob IS NULL) = (sealed_ms IS NULL)), 
	CONSTRAINT fk_curves_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT uq_curves_job_id UNIQUE (job_id)
);
INSERT INTO "curves" VALUES(1,1,'{"tokens": 17, "prefix_tokens": 1, "blocks": 2, "image_size": 64, "threads": 1, "runtime_version": "2.9.0"}',18,12,1760000000000,1760000000000,1,X'53465231050000000100000000000000000000000300000001020000000900000011000000000000000000000000CA9A3B00000000009435770000000080841E0000000000405489000000000040660301000000000002000100000000000000010000000300000001020000000900000011000000000000000000000000CA9A3B00000000009435770000000081841E0000000000415489000000000041660301000000000002000100000000000000020000000300000001020000000900000011000000000000000000000000CA9A3B00000000009435770000000082841E0000000000425489000000000042660301000000000002000100000000000000030000000300000001020000000900000011000000000000000000000000CA9A3B00000000009435770000000083841E0000000000435489000000000043660301000000000002000100000000000000040000000300000001020000000900000011000000000000000000000000CA9A3B00000000009435770000000084841E000000000044548900000000004466030100000000000200','f6118813d7014be27e3abc39ede31e30716ea0fafdaa3fc8439032fb4408c520',NULL);
INSERT INTO "curves" VALUES(2,4,'{"tokens": 17, "prefix_tokens": 1, "blocks": 2, "image_size": 64, "threads": 1, "runtime_version": "2.9.0"}',3,2,1760000180001,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE devices (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(63) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	labels JSON NOT NULL, 
	description JSON NOT NULL, 
	enrolled_ms BIGINT NOT NULL, 
	last_seen_ms BIGINT NOT NULL, 
	quarantined_ms BIGINT, 
	revoked_ms BIGINT, agent_run VARCHAR(64), earlier_run VARCHAR(64), doubled_ms BIGINT, 
	CONSTRAINT uq_devices_name UNIQUE (name)
);
INSERT INTO "devices" VALUES(1,'board','linux','{}','{"kind": "linux", "hardware": "a board", "processor": "a core", "architecture": "aarch64", "system": "Linux", "python": "3.11.2", "agent_version": "0.1.0", "cores": 4, "memory_bytes": null, "packages": [], "gaps": []}',1760000000000,1760000000000,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "devices" VALUES(2,'phone','linux','{}','{"kind": "linux", "hardware": "a board", "processor": "a core", "architecture": "aarch64", "system": "Linux", "python": "3.11.2", "agent_version": "0.1.0", "cores": 4, "memory_bytes": null, "packages": [], "gaps": []}',1760000000000,1760000000000,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE exports (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	model VARCHAR(100) NOT NULL, 
	image_size INTEGER, 
	data_type VARCHAR(20) NOT NULL, 
	made_with VARCHAR(200) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	created_ms BIGINT NOT NULL
);
INSERT INTO "exports" VALUES(1,'deit_tiny_patch16_224',NULL,'float32','torch 2.15, timm 1.0.31','abababababababababababababababababababababababababababababababab',23000000,1760000180001);
CREATE TABLE jobs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sweep_id INTEGER NOT NULL, 
	device_id INTEGER NOT NULL, 
	task VARCHAR(20) NOT NULL, 
	model VARCHAR(100) NOT NULL, 
	workload JSON NOT NULL, 
	priority INTEGER NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	fence INTEGER NOT NULL, 
	strikes INTEGER NOT NULL, 
	not_before_ms BIGINT NOT NULL, 
	lease_until_ms BIGINT, 
	cancel_asked_ms BIGINT, 
	failure JSON, 
	created_ms BIGINT NOT NULL, 
	ended_ms BIGINT, 
	CONSTRAINT ck_jobs_failed_with_a_reason CHECK ((state = 'failed') = (failure IS NOT NULL)), 
	CONSTRAINT ck_jobs_leased_until CHECK ((state = 'leased') = (lease_until_ms IS NOT NULL)), 
	CONSTRAINT ck_jobs_ended CHECK ((state IN ('done', 'failed', 'cancelled')) = (ended_ms IS NOT NULL)), 
	CONSTRAINT ck_jobs_state CHECK (state IN ('queued', 'leased', 'done', 'failed', 'cancelled')), 
	CONSTRAINT ck_jobs_counters CHECK (fence >= 0 AND strikes >= 0), 
	CONSTRAINT fk_jobs_device_id FOREIGN KEY(device_id) REFERENCES devices (id), 
	CONSTRAINT fk_jobs_sweep_id FOREIGN KEY(sweep_id) REFERENCES sweeps (id)
);
INSERT INTO "jobs" VALUES(1,1,1,'sweep','deit_tiny_patch16_224','{"batch_size": 1, "image_size": null, "data_type": "float32", "runtime": "eager", "processor": "cpu", "threads": null}',0,'done',1,0,0,NULL,NULL,NULL,1760000000000,1760000000000);
INSERT INTO "jobs" VALUES(2,2,2,'sweep','resnet18','{"batch_size": 1, "image_size": null, "data_type": "float32", "runtime": "eager", "processor": "cpu", "threads": null}',0,'failed',1,1,0,NULL,NULL,'{"reason": "model-unsupported", "message": "it broke", "advice": "mend it"}',1760000000000,1760000000000);
INSERT INTO "jobs" VALUES(3,3,2,'sweep','vit_tiny_patch16_224','{"batch_size": 1, "image_size": null, "data_type": "float32", "runtime": "eager", "processor": "cpu", "threads": null}',0,'cancelled',0,0,0,NULL,1760000000000,NULL,1760000000000,1760000000000);
INSERT INTO "jobs" VALUES(4,4,1,'sweep','deit_small_patch16_224','{"batch_size": 1, "image_size": null, "data_type": "float32", "runtime": "eager", "processor": "cpu", "threads": null}',0,'leased',3,1,1760000093156,1760000270001,NULL,NULL,1760000000000,NULL);
INSERT INTO "jobs" VALUES(5,5,1,'sweep','deit_base_patch16_224','{"batch_size": 1, "image_size": null, "data_type": "float32", "runtime": "eager", "processor": "cpu", "threads": null}',5,'queued',0,0,0,NULL,NULL,NULL,1760000180001,NULL);
INSERT INTO "jobs" VALUES(6,5,2,'sweep','deit_base_patch16_224','{"batch_size": 1, "image_size": null, "data_type": "float32", "runtime": "eager", "processor": "cpu", "threads": null}',5,'queued',0,0,0,NULL,NULL,NULL,1760000180001,NULL);
INSERT INTO "jobs" VALUES(7,6,1,'verification','deit_tiny_patch16_224','{"batch_size": 1, "image_size": null, "data_type": "float32", "runtime": "eager", "processor": "cpu", "threads": null}',0,'queued',0,0,0,NULL,NULL,NULL,1760000180001,NULL);
CREATE TABLE join_codes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	code_sha256 VARCHAR(64) NOT NULL, 
	created_ms BIGINT NOT NULL, 
	expires_ms BIGINT NOT NULL, 
	used_ms BIGINT, 
	device_id INTEGER, readmits BIGINT, 
	CONSTRAINT ck_join_codes_used_by_a_device CHECK ((used_ms IS NULL) = (device_id IS NULL)), 
	CONSTRAINT fk_join_codes_device_id FOREIGN KEY(device_id) REFERENCES devices (id), 
	CONSTRAINT uq_join_codes_code_sha256 UNIQUE (code_sha256)
);
INSERT INTO "join_codes" VALUES(1,'8f0419f2539d9410001d5f2b5fd6c581b057f87e7926c4f2a87a36a3ae48e553',1760000000000,1760003600000,1760000000000,1,NULL);
INSERT INTO "join_codes" VALUES(2,'0c1c74787b5ab591bce770f7134dccdb1afca48fe9b2922a3c3613d87a6e1812',1760000000000,1760003600000,1760000000000,2,NULL);
CREATE TABLE keys (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	secret_sha256 VARCHAR(64) NOT NULL, 
	role VARCHAR(10) NOT NULL, 
	label VARCHAR(200) NOT NULL, 
	device_id INTEGER, 
	created_ms BIGINT NOT NULL, 
	expires_ms BIGINT, 
	revoked_ms BIGINT, supersedes BIGINT, rotate_asked_ms BIGINT, 
	CONSTRAINT ck_keys_device_keys_have_a_device CHECK ((role = 'device') = (device_id IS NOT NULL)), 
	CONSTRAINT ck_keys_role CHECK (role IN ('operator', 'viewer', 'device')), 
	CONSTRAINT fk_keys_device_id FOREIGN KEY(device_id) REFERENCES devices (id), 
	CONSTRAINT uq_keys_secret_sha256 UNIQUE (secret_sha256)
);
INSERT INTO "keys" VALUES(1,'f130a673f74c1151f82cbf0f43bbf1b377947219632fa6228ad1af389564461d','operator','operator',NULL,1760000000000,NULL,NULL,NULL,NULL);
INSERT INTO "keys" VALUES(2,'188b51c301e7d0a4bc005ddf3ff85c7cb09ef1f0497fb19e48b18786df10adc4','device','board',1,1760000000000,NULL,NULL,NULL,NULL);
INSERT INTO "keys" VALUES(3,'d192df80f9e6e2b2263be6e971d46a213b78aa80fc5884757dbd9765eca96979','device','phone',2,1760000000000,NULL,NULL,NULL,NULL);
CREATE TABLE passes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	complete BOOLEAN NOT NULL, 
	started_ms BIGINT NOT NULL, 
	received_ms BIGINT NOT NULL, 
	conditions_before JSON NOT NULL, 
	conditions_after JSON NOT NULL, 
	doubts JSON NOT NULL, 
	readings INTEGER NOT NULL, 
	accepted INTEGER NOT NULL, 
	readings_sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT fk_passes_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT uq_passes_job_id_fence_round_number UNIQUE (job_id, fence, round, number)
);
INSERT INTO "passes" VALUES(1,1,1,0,0,1,1760000000000,1760000000000,'{"temperatures": [{"sensor": "cpu", "celsius": 50.5}], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": []}','{"temperatures": [], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": ["no clock can be read"]}','[]',3,2,'13cbf6cb3945f6d9abd967f087faab0da9a172160880bf6db840860dd998a5eb');
INSERT INTO "passes" VALUES(2,1,1,0,1,1,1760000000000,1760000000000,'{"temperatures": [{"sensor": "cpu", "celsius": 50.5}], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": []}','{"temperatures": [], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": ["no clock can be read"]}','[]',3,2,'afc44da277b16d54f2e047c2111347f3c682231eee0d99de808ad431a3a1aa81');
INSERT INTO "passes" VALUES(3,1,1,0,2,1,1760000000000,1760000000000,'{"temperatures": [{"sensor": "cpu", "celsius": 50.5}], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": []}','{"temperatures": [], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": ["no clock can be read"]}','[]',3,2,'c01c63ac91224fc21238b65f0cf7007dfefd9e9df6427c1d327ae29c5396449d');
INSERT INTO "passes" VALUES(4,1,1,0,3,1,1760000000000,1760000000000,'{"temperatures": [{"sensor": "cpu", "celsius": 50.5}], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": []}','{"temperatures": [], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": ["no clock can be read"]}','[]',3,2,'4ff6fe0cd142675f6cc22582c0235561ad52e4f0ff2bbda3f6d9dc7c6715d44c');
INSERT INTO "passes" VALUES(5,1,1,0,4,1,1760000000000,1760000000000,'{"temperatures": [{"sensor": "cpu", "celsius": 50.5}], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": []}','{"temperatures": [], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": ["no clock can be read"]}','[]',3,2,'cf04f9692135d044e1af34b5c63243e29c92af3d3407b0767a6d06a23de1d416');
INSERT INTO "passes" VALUES(6,1,1,0,5,1,1760000000000,1760000000000,'{"temperatures": [{"sensor": "cpu", "celsius": 50.5}], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": []}','{"temperatures": [], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": ["no clock can be read"]}','[]',3,2,'2325003d365409a8993589eca8c2072b45c3683beacbf8aef29646616d8c7911');
INSERT INTO "passes" VALUES(7,4,3,0,0,1,1760000000000,1760000180001,'{"temperatures": [{"sensor": "cpu", "celsius": 50.5}], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": []}','{"temperatures": [], "clocks": [], "governor": null, "power_mode": null, "throttled": [], "counters": [], "cores_allowed": [], "cores_quota": null, "group": null, "load": null, "memory_available_bytes": null, "gaps": ["no clock can be read"]}','[]',3,2,'727c3763a9858eb15882e7fd1aa3e94e95ad2b6e62e96ddbf3398e3057c843bf');
CREATE TABLE reading_batches (
	pass_id INTEGER NOT NULL, 
	format INTEGER NOT NULL, 
	blob BLOB NOT NULL, 
	CONSTRAINT pk_reading_batches PRIMARY KEY (pass_id), 
	CONSTRAINT fk_reading_batches_pass_id FOREIGN KEY(pass_id) REFERENCES passes (id)
);
INSERT INTO "reading_batches" VALUES(6,1,X'53465231010000000100000000000000050000000300000001020000000900000011000000000000000000000000CA9A3B00000000009435770000000085841E000000000045548900000000004566030100000000000200');
INSERT INTO "reading_batches" VALUES(7,1,X'53465231010000000300000000000000000000000300000001020000000900000011000000000000000000000000CA9A3B00000000009435770000000080841E000000000040548900000000004066030100000000000200');
CREATE TABLE reanalyses (
	curve_id INTEGER NOT NULL, 
	asked_ms BIGINT NOT NULL, 
	everything BOOLEAN NOT NULL, 
	failure VARCHAR(4000), 
	failed_ms BIGINT, 
	CONSTRAINT pk_reanalyses PRIMARY KEY (curve_id), 
	CONSTRAINT ck_reanalyses_failed_at_a_time CHECK ((failure IS NULL) = (failed_ms IS NULL)), 
	CONSTRAINT fk_reanalyses_curve_id FOREIGN KEY(curve_id) REFERENCES curves (id)
);
INSERT INTO "reanalyses" VALUES(1,1760000180001,1,NULL,NULL);
CREATE TABLE rounds (
	job_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	request JSON NOT NULL, 
	created_ms BIGINT NOT NULL, 
	completed_ms BIGINT, 
	CONSTRAINT pk_rounds PRIMARY KEY (job_id, number), 
	CONSTRAINT fk_rounds_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "rounds" VALUES(1,0,'{"number": 0, "subject": "model", "order": "shuffled", "tokens": [2, 9, 17], "sentinel": 17, "sentinel_every": 30, "min_passes": 5, "max_passes": 5, "stop_error": null, "budget_s": null, "seed": 0, "schedules": []}',1760000000000,NULL);
INSERT INTO "rounds" VALUES(4,0,'{"number": 0, "subject": "model", "order": "shuffled", "tokens": [2, 9, 17], "sentinel": 17, "sentinel_every": 30, "min_passes": 5, "max_passes": 5, "stop_error": null, "budget_s": null, "seed": 0, "schedules": []}',1760000180001,NULL);
CREATE TABLE sweeps (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"plan" JSON NOT NULL, 
	priority INTEGER NOT NULL, 
	created_by INTEGER NOT NULL, 
	created_ms BIGINT NOT NULL, retry_of BIGINT, 
	CONSTRAINT fk_sweeps_created_by FOREIGN KEY(created_by) REFERENCES keys (id)
);
INSERT INTO "sweeps" VALUES(1,'{"passes": 7, "min_tokens": null, "max_tokens": null, "stride": 1, "seed": 0, "blocks": false, "exhaustive": false, "narrowest": 8, "confirm": true, "budget_s": null, "budget_readings": null}',0,1,1760000000000,NULL);
INSERT INTO "sweeps" VALUES(2,'{"passes": 7, "min_tokens": null, "max_tokens": null, "stride": 1, "seed": 0, "blocks": false, "exhaustive": false, "narrowest": 8, "confirm": true, "budget_s": null, "budget_readings": null}',0,1,1760000000000,NULL);
INSERT INTO "sweeps" VALUES(3,'{"passes": 7, "min_tokens": null, "max_tokens": null, "stride": 1, "seed": 0, "blocks": false, "exhaustive": false, "narrowest": 8, "confirm": true, "budget_s": null, "budget_readings": null}',0,1,1760000000000,NULL);
INSERT INTO "sweeps" VALUES(4,'{"passes": 7, "min_tokens": null, "max_tokens": null, "stride": 1, "seed": 0, "blocks": false, "exhaustive": false, "narrowest": 8, "confirm": true, "budget_s": null, "budget_readings": null}',0,1,1760000000000,NULL);
INSERT INTO "sweeps" VALUES(5,'{"passes": 7, "min_tokens": null, "max_tokens": null, "stride": 1, "seed": 0, "blocks": false, "exhaustive": false, "narrowest": 8, "confirm": true, "budget_s": null, "budget_readings": null}',5,1,1760000180001,NULL);
INSERT INTO "sweeps" VALUES(6,'{"passes": 7, "min_tokens": null, "max_tokens": null, "stride": 1, "seed": 0, "blocks": false, "exhaustive": false, "narrowest": 8, "confirm": true, "budget_s": null, "budget_readings": null}',0,1,1760000180001,NULL);
CREATE TABLE verifications (
	job_id INTEGER NOT NULL, 
	curve_id INTEGER NOT NULL, 
	entries JSON NOT NULL, 
	CONSTRAINT pk_verifications PRIMARY KEY (job_id), 
	CONSTRAINT fk_verifications_curve_id FOREIGN KEY(curve_id) REFERENCES curves (id), 
	CONSTRAINT fk_verifications_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "verifications" VALUES(7,1,'[{"schedule": {"method": "random", "tokens": 17, "prefix_tokens": 1, "leaving": [17, 9]}, "uniform": null}]');
CREATE INDEX ix_jobs_sweep_id ON jobs (sweep_id);
CREATE INDEX ix_jobs_lease_until_ms ON jobs (lease_until_ms) WHERE state = 'leased';
CREATE UNIQUE INDEX uq_jobs_leased_device ON jobs (device_id) WHERE state = 'leased';
CREATE INDEX ix_jobs_queue ON jobs (device_id, priority DESC, id) WHERE state = 'queued';
CREATE INDEX ix_verifications_curve_id ON verifications (curve_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('keys',3);
INSERT INTO "sqlite_sequence" VALUES('join_codes',2);
INSERT INTO "sqlite_sequence" VALUES('devices',2);
INSERT INTO "sqlite_sequence" VALUES('sweeps',6);
INSERT INTO "sqlite_sequence" VALUES('jobs',7);
INSERT INTO "sqlite_sequence" VALUES('curves',2);
INSERT INTO "sqlite_sequence" VALUES('passes',7);
INSERT INTO "sqlite_sequence" VALUES('analyses',1);
INSERT INTO "sqlite_sequence" VALUES('exports',1);
COMMIT;
