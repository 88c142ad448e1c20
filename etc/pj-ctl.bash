# Completion of pj-ctl for bash: source it, or put it into /usr/share/bash-completion/completions/ as `pj-ctl`.
# What may follow is asked of pj-ctl itself: nouns, verbs and options of its tables, names of jobs from the server.
_pj_ctl() {
	local IFS=$'\n' word
	COMPREPLY=()
	while read -r word; do
		COMPREPLY+=("$(printf %q "$word")")
	done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _pj_ctl pj-ctl
