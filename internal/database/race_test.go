//go:build race

package database

// many is less under the race detector, where SQLite is ten times as slow.
const many = 2_000
