-- Where Telegraf (telegraf.conf beside this) writes and Grafana reads: PostgreSQL 13 or later, with or without TimescaleDB.
-- psql -v ON_ERROR_STOP=1 -f schema.sql DATABASE; works twice.
BEGIN;
CREATE SCHEMA IF NOT EXISTS fer;

-- Every window once. time is its end; the moment of arrival where the device did not know the time.
CREATE TABLE IF NOT EXISTS fer.windows (
    id text NOT NULL PRIMARY KEY,
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
    model text NOT NULL
);
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

-- What is not of the contract: everybody may write to a broker. Nothing of it must stop what comes with it.
CREATE TABLE IF NOT EXISTS fer.rejected (
    time timestamptz NOT NULL,
    topic text,
    value text,
    reason text NOT NULL
);

-- Telegraf's table, always empty: the trigger files each message. value is base64 of the payload.
CREATE TABLE IF NOT EXISTS fer.message (time timestamp NOT NULL, topic text, value text);
COMMENT ON COLUMN fer.message.topic IS 'tag';

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
        body #>> '{model,id}'
    -- With TimescaleDB the key is id and time, and the time of an unset clock is another at each arrival.
    WHERE body #>> '{window,end}' IS NOT NULL
        OR NOT EXISTS (SELECT FROM fer.windows AS known WHERE known.id = body->>'id')
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
    payload text;
BEGIN
    payload := convert_from(decode(NEW.value, 'base64'), 'UTF8');
    IF level[4] = 'availability' THEN
        PERFORM fer.file_availability(arrival, level[3], payload);
    ELSIF level[4] = 'status' THEN
        PERFORM fer.file_status(arrival, level[3], payload::jsonb);
    ELSIF level[5] = 'aggregate' THEN
        PERFORM fer.file_window(arrival, level[3], level[4], payload::jsonb);
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
    INSERT INTO fer.rejected VALUES (arrival, NEW.topic, NEW.value, SQLERRM);
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS file_message ON fer.message;
CREATE TRIGGER file_message BEFORE INSERT ON fer.message FOR EACH ROW EXECUTE FUNCTION fer.file_message();
COMMIT;
