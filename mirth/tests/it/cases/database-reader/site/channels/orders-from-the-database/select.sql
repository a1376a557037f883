SELECT id, text
FROM outbox
WHERE sent IS NULL