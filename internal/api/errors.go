package api

import "errors"

// Why a change, or a question, cannot be done now.
var (
	ErrNoDatabase   = errors.New(`there is no database: database.driver is "none"`)
	ErrDatabaseAway = errors.New("the database is away")
)
