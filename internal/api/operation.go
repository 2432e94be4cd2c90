package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// base is what the path of every route begins with.
const base = "/api/v1"

// Sizes of bodies, in bytes.
const (
	mostBody = 1 << 20
	mostBulk = 16 << 20
)

// need is what an operation asks of the token. One that says nothing is for
// admin: a route that was forgotten is closed.
type need uint8

const (
	needAdmin need = iota
	needRead
	needNothing
)

const needKey = "need" // in the Metadata of an operation

// read is op, for every token. A path without base in front gets it.
func read(op huma.Operation) huma.Operation { return guarded(op, needRead, ScopeRead) }

// admin is op, for tokens of scope admin.
func admin(op huma.Operation) huma.Operation {
	return guarded(op, needAdmin, ScopeAdmin)
}

func guarded(op huma.Operation, n need, scope string) huma.Operation {
	op.Security = []map[string][]string{{"bearer": {scope}}, {"token": {scope}}}
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	return prepared(op, n)
}

// open is op, for everybody.
func open(op huma.Operation) huma.Operation {
	op.Security = []map[string][]string{}
	return prepared(op, needNothing)
}

func prepared(op huma.Operation, n need) huma.Operation {
	if !strings.HasPrefix(op.Path, "/api/") {
		op.Path = base + op.Path
	}
	if op.OperationID == "" {
		op.OperationID = operationID(op.Method, op.Path)
	}
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = mostBody
	}
	if op.BodyReadTimeout == 0 {
		op.BodyReadTimeout = readTimeout
	}
	metadata := map[string]any{needKey: n}
	for key, value := range op.Metadata {
		metadata[key] = value
	}
	op.Metadata = metadata
	return op
}

// bulk is op, with room for a body of many entries.
func bulk(op huma.Operation) huma.Operation {
	op.MaxBodyBytes = mostBulk
	op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge)
	return op
}

func operationID(method, path string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(path, base), func(r rune) bool {
		return strings.ContainsRune("/{}_-", r)
	})
	return strings.ToLower(method) + "-" + strings.Join(words, "-")
}
