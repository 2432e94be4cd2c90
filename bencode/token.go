package bencode

import "errors"

// Kind is what a token is.
type Kind uint8

// The kinds of tokens. No token has the zero Kind.
const (
	Int    Kind = iota + 1 // an integer
	String                 // a byte string: a value, or a key of a dictionary
	List                   // a list begins
	Dict                   // a dictionary begins: keys and values follow by turns
	End                    // the innermost list or dictionary ends
)

// String returns the kind in words.
func (k Kind) String() string {
	switch k {
	case Int:
		return "integer"
	case String:
		return "string"
	case List:
		return "list"
	case Dict:
		return "dictionary"
	case End:
		return "end"
	}
	return "nothing"
}

// Token is one step through an encoded value.
type Token struct {
	Kind  Kind
	Int   int64  // of an Int
	Bytes []byte // of a String: part of the reader's input, not a copy
}

// What can be wrong with an encoded value.
var (
	ErrTruncated  = errors.New("bencode: input ends within a value")
	ErrSyntax     = errors.New("bencode: no value begins like this")
	ErrInteger    = errors.New("bencode: integer is not canonical or takes more than 64 bits")
	ErrLength     = errors.New("bencode: string length is not a canonical number")
	ErrKey        = errors.New("bencode: dictionary key is not a string")
	ErrValue      = errors.New("bencode: dictionary key has no value")
	ErrDepth      = errors.New("bencode: lists and dictionaries are nested too deep")
	ErrTrailing   = errors.New("bencode: bytes follow the value")
	ErrUnfinished = errors.New("bencode: value has not been read to its end")
)
