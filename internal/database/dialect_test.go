package database

import "testing"

func TestRewrite(t *testing.T) {
	upsert := bulk{"INSERT INTO t (a, b) VALUES ", "(?, ?)", " ON CONFLICT (a) DO UPDATE SET b = excluded.b + t.b"}.text(2)
	nothing := bulk{"INSERT INTO t (a) VALUES ", "(?)", " ON CONFLICT (a) DO NOTHING"}.text(1)
	tests := []struct{ dialect, text, want string }{
		{"sqlite", upsert, "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b + t.b"},
		{"postgres", upsert, "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT (a) DO UPDATE SET b = excluded.b + t.b"},
		{"mysql", upsert, "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON DUPLICATE KEY UPDATE b = VALUES(b) + t.b"},
		{"mysql", nothing, "INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE a = VALUES(a)"},
		{"mysql", "SELECT a FROM t WHERE a > ?", "SELECT a FROM t WHERE a > ?"},
		{"postgres", "SELECT 1", "SELECT 1"},
	}
	for _, test := range tests {
		equal(t, test.dialect, dialects[test.dialect].rewrite(test.text), test.want)
	}
}
