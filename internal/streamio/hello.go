package streamio

import "errors"

const (
	// maxHello is the most bytes of a ClientHello, record headers and all.
	// Browsers send 2 KiB, and four times that with every post-quantum key
	// there is.
	maxHello = 16 << 10

	maxFragment = 1 << 14 // bytes in a record that is not encrypted

	recordHead      = 5 // type, version, length
	messageHead     = 4 // type, length
	recordHandshake = 0x16
	versionMajor    = 3
	messageHello    = 1
	messageFinished = 20
)

// Why bytes will never be a ClientHello.
var (
	errNoHello   = errors.New("not a TLS ClientHello")
	errLongHello = errors.New("a TLS ClientHello of more than 16 KiB")
)

// helloLength looks for a ClientHello at the start of in, which may be spread
// over several records. n > 0: the first n bytes are the records that hold it.
// 0 and no error: more is needed. An error says as early as can be known that
// it never will be one.
//
// It decides nothing but whether waiting is over: what is in the ClientHello
// is for crypto/tls to judge. Until then a connection costs no goroutine, so
// a crowd of silent ones holds nobody up.
func helloLength(in []byte) (n int, err error) {
	var (
		head [messageHead]byte // of the message, which records may cut anywhere
		seen int               // bytes of the message in the records before
		want = messageHead     // bytes of the message, once head is known
	)
	for at := 0; ; {
		record := in[at:]
		if len(record) > 0 && record[0] != recordHandshake || len(record) > 1 && record[1] != versionMajor {
			return 0, errNoHello
		}
		if at+recordHead+want-seen > maxHello {
			return 0, errLongHello
		}
		if len(record) < recordHead {
			return 0, nil
		}
		length := int(record[3])<<8 | int(record[4])
		if length == 0 || length > maxFragment {
			return 0, errNoHello
		}
		end := recordHead + length
		if at+end > maxHello {
			return 0, errLongHello
		}
		fragment := record[recordHead:min(end, len(record))]
		if seen < messageHead {
			if known := seen + copy(head[seen:], fragment); known > 0 && head[0] != messageHello {
				return 0, errNoHello
			} else if known == messageHead {
				want += int(head[1])<<16 | int(head[2])<<8 | int(head[3])
			}
		}
		if at+recordHead+want-seen > maxHello {
			return 0, errLongHello
		}
		if len(record) < end {
			return 0, nil
		}
		at += end
		if seen += length; seen >= want {
			return at, nil
		}
	}
}
