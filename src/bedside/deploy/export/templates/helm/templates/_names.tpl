{{- define "bedside.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "bedside.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bedside.labels" -}}
{{ include "bedside.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "bedside.probe" -}}
httpGet:
  path: /v2/health/live
  port: http
  scheme: {{ ternary "HTTPS" "HTTP" (ne .Values.tls.secretName "") }}
  httpHeaders:
    - {name: Host, value: localhost}
timeoutSeconds: 5
{{- end -}}
