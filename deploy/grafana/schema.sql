-- Where Telegraf (telegraf.conf beside this) writes and Grafana reads: PostgreSQL 13 or later, with or without TimescaleDB.
-- psql -v ON_ERROR_STOP=1 -f schema.sql DATABASE; works twice.
BEGIN;
CREATE SCHEMA IF NOT EXISTS fer;

-- Earlier versions had the id alone as the key of a window, and kept every rejected message.
DO $$
BEGIN
    IF (SELECT count(*) FROM information_schema.key_column_usage
        WHERE constraint_schema = 'fer' AND constraint_name = 'windows_pkey') = 1
    THEN
        ALTER TABLE fer.windows DROP CONSTRAINT windows_pkey, ADD PRIMARY KEY (device, id);
    END IF;
    IF (SELECT count(*) FROM information_schema.columns
        WHERE table_schema = 'fer' AND table_name = 'rejected' AND column_name IN ('topic', 'times')) = 1
    THEN
        DROP TABLE fer.rejected;
    END IF;
END $$;

-- Every window once. time is its end; the moment of arrival where the device did not know the time.
CREATE TABLE IF NOT EXISTS fer.windows (
    id text NOT NULL,
    time timestamptz NOT NULL,
    device text NOT NULL,
    source text NOT NULL,
    seq bigint NOT NULL,
    duration_s double precision NOT NULL,
    clock text NOT NULL,
    historical boolean NOT NULL,
    captured integer NOT NULL,
    analysed integer NOT NULL,
    people integer NOT NULL,
    max_at_once integer NOT NULL,
    mean_at_once double precision NOT NULL,
    angry double precision,
    disgust double precision,
    fear double precision,
    happy double precision,
    sad double precision,
    surprise double precision,
    neutral double precision,
    dominant text,
    uncertain double precision,
    suppressed text,
    model text NOT NULL,
    basis text,
    basis_people integer,
    visits integer,
    gathered integer,
    still integer,
    labels text,
    emotions jsonb,
    PRIMARY KEY (device, id)
);
-- The seven columns are those of the shipped models. labels and emotions have the names and shares of whatever model ran.
-- Earlier versions had none of these.
ALTER TABLE fer.windows
    ADD COLUMN IF NOT EXISTS basis text,
    ADD COLUMN IF NOT EXISTS basis_people integer,
    ADD COLUMN IF NOT EXISTS visits integer,
    ADD COLUMN IF NOT EXISTS gathered integer,
    ADD COLUMN IF NOT EXISTS still integer,
    ADD COLUMN IF NOT EXISTS labels text,
    ADD COLUMN IF NOT EXISTS emotions jsonb;
UPDATE fer.windows SET
    labels = 'angry, disgust, fear, happy, neutral, sad, surprise',
    emotions = jsonb_build_object('angry', angry, 'disgust', disgust, 'fear', fear, 'happy', happy, 'sad', sad,
        'surprise', surprise, 'neutral', neutral)
    WHERE emotions IS NULL AND neutral IS NOT NULL;

-- A row for each share. Never average over different labels: a share among seven and one among three are other figures.
CREATE OR REPLACE VIEW fer.shares AS
    SELECT time, device, source, model, people, labels, each.key AS label, each.value::double precision AS share
    FROM fer.windows, jsonb_each_text(emotions) AS each;

CREATE INDEX IF NOT EXISTS windows_by_time ON fer.windows (time DESC);
CREATE INDEX IF NOT EXISTS windows_by_device ON fer.windows (device, seq);

-- A row for each status that says something new; a broker repeats the retained one to every new subscriber.
CREATE TABLE IF NOT EXISTS fer.status (
    device text NOT NULL,
    time timestamptz NOT NULL,
    state text NOT NULL,
    problems text[] NOT NULL,
    cpu_temp_c double precision,
    fps double precision NOT NULL,
    outbox integer NOT NULL,
    dropped integer NOT NULL,
    reconnects integer NOT NULL,
    version text NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (device, time)
);

-- A row for each change.
CREATE TABLE IF NOT EXISTS fer.availability (
    device text NOT NULL,
    time timestamptz NOT NULL,
    online boolean NOT NULL,
    PRIMARY KEY (device, time)
);

-- The cameras of each device that have sent a window; bounded, because everybody may write to a broker.
CREATE TABLE IF NOT EXISTS fer.sources (
    device text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (device, source)
);

-- What is not of the contract: the newest of each device and kind, and how many there were. Nothing of it must stop what
-- comes with it, or fill the disk.
CREATE TABLE IF NOT EXISTS fer.rejected (
    device text NOT NULL,
    kind text NOT NULL,
    times bigint NOT NULL,
    time timestamptz NOT NULL,
    topic text NOT NULL,
    value text,
    reason text NOT NULL,
    PRIMARY KEY (device, kind)
);

-- Telegraf's table, always empty: the trigger files each message. value is base64 of the payload.
CREATE TABLE IF NOT EXISTS fer.message (time timestamp NOT NULL, topic text, value text);
COMMENT ON COLUMN fer.message.topic IS 'tag';

-- Believe the topic: a broker's access list guards it, but nothing guards the payload. A device that could use the ids
-- of another would make that one's windows duplicates.
CREATE OR REPLACE FUNCTION fer.shares_of(body jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE jsonb_typeof(body->'emotions') WHEN 'object' THEN body->'emotions' END
$$;

CREATE OR REPLACE FUNCTION fer.check_claims(device text, source text, body jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF device !~ '^[a-z0-9-]{3,32}$' OR body->>'device' IS DISTINCT FROM device THEN
        RAISE data_exception USING MESSAGE = 'the payload names another device than the topic';
    ELSIF source IS NOT NULL AND (
        source !~ '^[a-z0-9_-]{1,32}$' OR body->>'source' IS DISTINCT FROM source
        OR coalesce(body->>'id' !~ ('^' || device || '(-[0-9a-f]{8})?-[0-9]{12}$'), true)
    ) THEN
        RAISE data_exception USING MESSAGE = 'the payload names another source than the topic, or an id of another device';
    ELSIF (SELECT count(*) FROM jsonb_object_keys(fer.shares_of(body))) > 20 THEN
        RAISE data_exception USING MESSAGE = 'more than 20 labels';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION fer.admit_source(device text, source text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fer.sources AS s WHERE s.device = admit_source.device AND s.source = admit_source.source) THEN
        RETURN;
    ELSIF (SELECT count(*) FROM fer.sources AS s WHERE s.device = admit_source.device) >= 16 THEN
        RAISE data_exception USING MESSAGE = 'this device has 16 sources already';
    ELSIF (SELECT count(*) FROM fer.sources) >= 200000 THEN
        RAISE data_exception USING MESSAGE = 'there are 200000 sources already';
    END IF;
    INSERT INTO fer.sources VALUES (device, source) ON CONFLICT DO NOTHING;
END $$;

CREATE OR REPLACE FUNCTION fer.file_window(arrival timestamptz, device text, source text, body jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO fer.windows SELECT
        body->>'id',
        coalesce((body #>> '{window,end}')::timestamptz, arrival),
        device,
        source,
        (body->>'seq')::bigint,
        (body #>> '{window,duration_s}')::double precision,
        body #>> '{window,clock}',
        (body->>'historical')::boolean,
        (body #>> '{frames,captured}')::integer,
        (body #>> '{frames,analysed}')::integer,
        (body #>> '{faces,people}')::integer,
        (body #>> '{faces,max_at_once}')::integer,
        (body #>> '{faces,mean_at_once}')::double precision,
        (body #>> '{emotions,angry}')::double precision,
        (body #>> '{emotions,disgust}')::double precision,
        (body #>> '{emotions,fear}')::double precision,
        (body #>> '{emotions,happy}')::double precision,
        (body #>> '{emotions,sad}')::double precision,
        (body #>> '{emotions,surprise}')::double precision,
        (body #>> '{emotions,neutral}')::double precision,
        body->>'dominant',
        (body->>'uncertain')::double precision,
        body->>'suppressed',
        body #>> '{model,id}',
        body #>> '{basis,kind}',
        (body #>> '{basis,people}')::integer,
        (body #>> '{faces,visits}')::integer,
        (body #>> '{gathering,visits}')::integer,
        (body #>> '{faces,still}')::integer,
        (SELECT string_agg(key, ', ' ORDER BY key COLLATE "C") FROM jsonb_object_keys(fer.shares_of(body)) AS key),
        -- The cast refuses what is no number, which would stop every query over the shares.
        (SELECT jsonb_object_agg(key, value::text::double precision) FROM jsonb_each(fer.shares_of(body)))
    -- With TimescaleDB the time is part of the key, and that of an unset clock is another at each arrival.
    WHERE body #>> '{window,end}' IS NOT NULL
        OR NOT EXISTS (
            SELECT FROM fer.windows AS known WHERE known.device = file_window.device AND known.id = body->>'id'
        )
    ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION fer.file_status(arrival timestamptz, device text, body jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO fer.status SELECT
        device,
        arrival,
        body->>'state',
        ARRAY(SELECT problem->>'sentence' FROM jsonb_array_elements(body->'problems') AS problem),
        (body #>> '{host,cpu_temp_c}')::double precision,
        (body #>> '{camera,fps}')::double precision,
        (body #>> '{mqtt,outbox}')::integer,
        (body #>> '{mqtt,dropped}')::integer,
        (body #>> '{mqtt,reconnects}')::integer,
        body->>'version',
        body
    WHERE body IS DISTINCT FROM (
        SELECT last.body FROM fer.status AS last WHERE last.device = file_status.device ORDER BY time DESC LIMIT 1
    )
    ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION fer.file_availability(arrival timestamptz, device text, word text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO fer.availability SELECT device, arrival, word = 'online'
    WHERE (word = 'online') IS DISTINCT FROM (
        SELECT last.online FROM fer.availability AS last
        WHERE last.device = file_availability.device ORDER BY time DESC LIMIT 1
    )
    ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION fer.file_message() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    arrival timestamptz := NEW.time AT TIME ZONE 'UTC';
    level text[] := string_to_array(NEW.topic, '/');  -- fer, v1, device, [source,] kind
    kind text := level[cardinality(level)];
    payload text;
BEGIN
    IF length(NEW.value) > 90000 THEN
        RAISE data_exception USING MESSAGE = 'more than 64 KB';
    END IF;
    payload := convert_from(decode(NEW.value, 'base64'), 'UTF8');
    IF kind = 'availability' THEN
        IF payload NOT IN ('online', 'offline') THEN
            RAISE data_exception USING MESSAGE = 'neither online nor offline';
        END IF;
        PERFORM fer.file_availability(arrival, level[3], payload);
    ELSIF kind = 'status' THEN
        PERFORM fer.check_claims(level[3], NULL, payload::jsonb);
        PERFORM fer.file_status(arrival, level[3], payload::jsonb);
    ELSIF kind = 'aggregate' THEN
        PERFORM fer.check_claims(level[3], level[4], payload::jsonb);
        PERFORM fer.admit_source(level[3], level[4]);
        PERFORM fer.file_window(arrival, level[3], level[4], payload::jsonb);
    END IF;
    RETURN NULL;
-- Too deeply nested JSON exceeds a limit of the program.
EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN
    INSERT INTO fer.rejected VALUES (level[3], kind, 1, arrival, NEW.topic, left(NEW.value, 2000), SQLERRM)
    ON CONFLICT ON CONSTRAINT rejected_pkey DO UPDATE SET
        times = rejected.times + 1, time = excluded.time, topic = excluded.topic, value = excluded.value,
        reason = excluded.reason;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS file_message ON fer.message;
CREATE TRIGGER file_message BEFORE INSERT ON fer.message FOR EACH ROW EXECUTE FUNCTION fer.file_message();
COMMIT;
