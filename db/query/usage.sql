-- Of the newest alone, which the primary key finds: a fixed number of rows, however many there are.
-- name: MostUsed :many
SELECT lately.product_id FROM (SELECT id, product_id, status FROM entitlements ORDER BY id DESC LIMIT sqlc.arg(of_newest)) AS lately
WHERE lately.status <> 'REFUSED' GROUP BY lately.product_id ORDER BY count(*) DESC, max(lately.id) DESC LIMIT sqlc.arg(at_most);
