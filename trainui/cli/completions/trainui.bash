# completion of trainui in bash
_trainui() {
    local value about
    COMPREPLY=()
    while IFS=$'\t' read -r value about; do
        printf -v value %q "$value"
        COMPREPLY+=("$value")
    done < <(COMP_LINE=$COMP_LINE COMP_POINT=$COMP_POINT \
        "$1" __complete bash "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null)
}
complete -o bashdefault -o default -F _trainui trainui
