# An answer against its expected shape: prints a line for each difference. $want holds the shape; in it a text that starts with
# `@` is a type: @int, @id (64 bits; quoted as "#digits" before), @num, @ms (of this century), @text, @iso, @time, @b64, @any.
def typed($t):
	if $t == "@any" then true
	elif $t == "@int" then type == "number" and floor == .
	elif $t == "@num" then type == "number"
	elif $t == "@ms" then type == "number" and . > 1e12 and . < 5e12
	elif $t == "@id" then type == "string" and test("^#[0-9]{16,19}$")
	elif $t == "@idtext" then type == "string" and test("^[0-9]{16,19}$")
	elif $t == "@text" then type == "string" and . != ""
	elif $t == "@iso" then type == "string" and test("^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:]{8}\\.[0-9]{3}\\+00:00$")
	elif $t == "@time" then type == "string" and test("^20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-9:]{8}$")
	elif $t == "@b64" then type == "string" and test("^[A-Za-z0-9_-]+$")
	else error("no such type: " + $t) end;

def differ($w; $path):
	if ($w | type) == "string" and ($w | startswith("@")) then
		if typed($w) then empty else "\($path): wanted \($w), got \(tojson)" end
	elif type != ($w | type) then "\($path): wanted \($w | tojson), got \(tojson)"
	elif type == "object" then
		if keys_unsorted != ($w | keys_unsorted) then
			"\($path): wanted the members \($w | keys_unsorted | join(" ")), got \(keys_unsorted | join(" "))"
		else keys_unsorted[] as $k | .[$k] | differ($w[$k]; $path + "." + $k) end
	elif type == "array" then
		if length != ($w | length) then "\($path): wanted \($w | length) elements, got \(tojson)"
		else range(length) as $i | .[$i] | differ($w[$i]; "\($path)[\($i)]") end
	elif . != $w then "\($path): wanted \($w | tojson), got \(tojson)"
	else empty end;

differ($want; "answer")
