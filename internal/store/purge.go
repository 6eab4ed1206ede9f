package store

// purge removes up to step of the oldest rows: those that ended before cutoff (Unix microseconds, 0: none) and
// those beyond maxRows (0: no limit). It returns how many.
func (d *database) purge(cutoff, maxRows int64, step int) (int, error) {
	tx, err := d.write.Begin()
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	var first, last int64
	if err := tx.QueryRow(`SELECT coalesce((SELECT min(rec) FROM call), 0), coalesce((SELECT max(rec) FROM call), -1)`).Scan(&first, &last); err != nil {
		return 0, err
	}
	if last < first {
		return 0, nil
	}
	excess := int64(0)
	if maxRows > 0 {
		excess = max(0, last-first+1-maxRows)
	}
	// Row numbers follow the order in which calls ended, so only the lowest are looked at.
	const doomed = `SELECT rec FROM (SELECT rec, "end" FROM call ORDER BY rec LIMIT ?1) WHERE "end" < ?2 OR rec < ?3`
	args := []any{step, cutoff, first + excess}
	if _, err := tx.Exec(`DELETE FROM record WHERE rec IN (`+doomed+`)`, args...); err != nil {
		return 0, err
	}
	res, err := tx.Exec(`DELETE FROM call WHERE rec IN (`+doomed+`)`, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	// Keys of calls that are gone find nothing; they go with their bucket.
	res, err = tx.Exec(`DELETE FROM key WHERE (bucket, key, rec) IN (SELECT bucket, key, rec FROM key WHERE bucket <
		(SELECT coalesce(min(rec), ?2) >> 13 FROM call) ORDER BY bucket LIMIT ?1)`, step*10, last+1)
	if err != nil {
		return 0, err
	}
	keys, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	if n == 0 && keys == int64(step*10) {
		return 0, nil // the rest of the keys at the next turn
	}
	return int(n), nil
}
