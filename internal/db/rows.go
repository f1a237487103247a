package db

import (
	"database/sql"
	"strconv"
	"strings"
)

// Each calls scan for every row, and closes rows.
func Each(rows *sql.Rows, scan func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Params is n parameters from number from on: "$2,$3,$4".
func Params(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	return b.String()
}
