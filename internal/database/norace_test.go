//go:build !race

package database

// many is how many grants, or counts, are made at once.
const many = 100_000
