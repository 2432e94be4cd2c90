// The package of this name fetches a binary when it is installed. @roamhq/wrtc
// has its own with it.
import wrtc from '@roamhq/wrtc'

export const { RTCPeerConnection, RTCSessionDescription, RTCIceCandidate } = wrtc
