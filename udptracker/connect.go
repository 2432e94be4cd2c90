package udptracker

import "encoding/binary"

// AppendConnect appends a connect request.
func AppendConnect(dst []byte, transaction uint32) []byte {
	return appendHeader(dst, ProtocolID, ActionConnect, transaction)
}

// AppendConnectReply appends the reply to a connect request.
func AppendConnectReply(dst []byte, transaction uint32, connectionID uint64) []byte {
	dst = appendReplyHeader(dst, ActionConnect, transaction)
	return binary.BigEndian.AppendUint64(dst, connectionID)
}

// ParseConnectReply reads the connection ID out of the reply to a connect
// request. BEP 15 lets a client use it for a minute.
func ParseConnectReply(p []byte, transaction uint32) (connectionID uint64, err error) {
	if err := parseReplyHeader(p, ActionConnect, transaction); err != nil {
		return 0, err
	}
	if len(p) < ConnectSize {
		return 0, ErrReplyShort
	}
	return binary.BigEndian.Uint64(p[8:]), nil
}
