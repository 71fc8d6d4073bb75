package views

import (
	"strings"
	"time"
)

// exactly is a time to the second in a time zone, which is named: by its letters, or where it has none by how far it is from UTC.
func exactly(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	name := t.Format("MST")
	if strings.ContainsAny(name, "+-0123456789") {
		name = t.Format("UTC-07:00")
	}
	return t.Format("2006-01-02 15:04:05 ") + name
}

// zones are offered while a time zone is typed; any other of IANA's is taken as well.
var zones = strings.Fields(`UTC Africa/Abidjan Africa/Algiers Africa/Cairo Africa/Casablanca Africa/Johannesburg Africa/Lagos Africa/Nairobi Africa/Tunis
	America/Anchorage America/Argentina/Buenos_Aires America/Bogota America/Caracas America/Chicago America/Denver America/Guatemala America/Halifax
	America/Lima America/Los_Angeles America/Mexico_City America/Montevideo America/New_York America/Panama America/Phoenix America/Puerto_Rico
	America/Santiago America/Sao_Paulo America/Toronto America/Vancouver Asia/Almaty Asia/Baghdad Asia/Bangkok Asia/Colombo Asia/Dhaka Asia/Dubai
	Asia/Ho_Chi_Minh Asia/Hong_Kong Asia/Jakarta Asia/Jerusalem Asia/Karachi Asia/Kathmandu Asia/Kolkata Asia/Kuala_Lumpur Asia/Manila Asia/Riyadh
	Asia/Seoul Asia/Shanghai Asia/Singapore Asia/Taipei Asia/Tashkent Asia/Tbilisi Asia/Tehran Asia/Tokyo Atlantic/Azores Atlantic/Reykjavik
	Australia/Adelaide Australia/Brisbane Australia/Melbourne Australia/Perth Australia/Sydney Europe/Amsterdam Europe/Athens Europe/Belgrade
	Europe/Berlin Europe/Brussels Europe/Bucharest Europe/Budapest Europe/Copenhagen Europe/Dublin Europe/Helsinki Europe/Istanbul Europe/Kyiv
	Europe/Lisbon Europe/London Europe/Madrid Europe/Moscow Europe/Oslo Europe/Paris Europe/Prague Europe/Riga Europe/Rome Europe/Sofia
	Europe/Stockholm Europe/Tallinn Europe/Vienna Europe/Vilnius Europe/Warsaw Europe/Zagreb Europe/Zurich Pacific/Auckland Pacific/Fiji Pacific/Guam
	Pacific/Honolulu`)
