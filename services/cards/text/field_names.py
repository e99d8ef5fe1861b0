"""The fields that a card may have, and the keys that people write for them, in the languages they write in."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_ENGLISH: Final[Mapping[str, str]] = {
    "status": "status",
    "assignee": "assigned|assignee|owner|assigned to|assigned agent|agent|suggested owner|assignees|owners",
    "priority": "priority",
    "created": "created|creation date|created on|created at|date created",
    "updated": "updated|last updated|updated on|updated at|last modified",
    "completed": "completed|completion date|completed on|completed at|date completed",
    "date": "date",
    "due": "due|due date|deadline",
    "started": "started|start date|started on|started at",
    "branch": "branch|branches",
    "commit": "commit",
    "tag": "tag",
    "merged": "merged",
    "milestone": "milestone",
    "sprint": "sprint",
    "tags": "tags|labels",
    "order": "order",
    "phase": "phase",
    "time_spent": "time spent",
    "estimated_time": "estimated time|estimate|time estimate|estimated effort|estimated duration|estimated hours",
    "dependencies": "dependencies|depends on|depends|dependency|blocked by",
}
# Only words that mean nothing else at the head of a line: "Data" is a date to a Portuguese and data to everyone.
_OTHERS: Final[Mapping[str, tuple[str, ...]]] = {
    "es": (
        "status=estado",
        "assignee=responsable|asignado|asignado a|asignada a",
        "priority=prioridad",
        "created=creado|creada|fecha de creación|creado el",
        "updated=actualizado|actualizada|última actualización|actualizado el",
        "completed=completado|completada|fecha de finalización|finalizado",
        "date=fecha",
        "due=vence|fecha límite|fecha de vencimiento|vencimiento",
        "branch=rama",
        "tags=etiquetas",
        "milestone=hito",
        "phase=fase",
        "dependencies=dependencias|depende de",
        "estimated_time=estimación|tiempo estimado",
        "time_spent=tiempo dedicado|tiempo invertido",
    ),
    "pt": (
        "status=situação",
        "assignee=responsável|atribuído|atribuído a|atribuída a",
        "priority=prioridade",
        "created=criado|criado em|data de criação",
        "updated=atualizado|atualizado em|última atualização",
        "completed=concluído|concluído em|data de conclusão",
        "due=prazo|data de entrega",
        "dependencies=dependências|depende de",
        "estimated_time=estimativa|tempo estimado",
        "time_spent=tempo gasto",
    ),
    "fr": (
        "status=statut|état",
        "assignee=assigné|assigné à|assignée à|attribué à",
        "priority=priorité",
        "created=créé|créé le|créée le|date de création",
        "updated=mis à jour|mis à jour le|mise à jour|dernière mise à jour",
        "completed=terminé|terminé le|date de fin",
        "due=échéance|date limite|date d'échéance",
        "branch=branche",
        "tags=étiquettes",
        "milestone=jalon",
        "dependencies=dépendances|dépend de",
        "estimated_time=estimation|temps estimé|durée estimée",
        "time_spent=temps passé",
    ),
    "de": (
        "status=zustand",
        "assignee=zuständig|verantwortlich|verantwortliche|verantwortlicher|zugewiesen|zugewiesen an|bearbeiter",
        "priority=priorität",
        "created=erstellt|erstellt am|erstellungsdatum|angelegt am",
        "updated=aktualisiert|aktualisiert am|zuletzt aktualisiert|letzte aktualisierung",
        "completed=abgeschlossen|abgeschlossen am|erledigt am|fertiggestellt am",
        "date=datum",
        "due=fällig|fällig am|frist|fälligkeitsdatum",
        "branch=zweig",
        "tags=schlagwörter",
        "milestone=meilenstein",
        "dependencies=abhängigkeiten|hängt ab von|abhängig von",
        "estimated_time=schätzung|geschätzte zeit|geschätzter aufwand",
        "time_spent=zeitaufwand|aufgewendete zeit",
        "order=reihenfolge",
    ),
    "it": (
        "status=stato",
        "assignee=assegnato|assegnato a|assegnata a|assegnatario|responsabile",
        "priority=priorità",
        "created=creato|creato il|data di creazione",
        "updated=aggiornato|aggiornato il|ultimo aggiornamento",
        "completed=completato|completato il|data di completamento",
        "due=scadenza",
        "tags=etichette",
        "dependencies=dipendenze|dipende da",
        "estimated_time=stima|tempo stimato",
    ),
    "nl": (
        "assignee=toegewezen|toegewezen aan|verantwoordelijke",
        "priority=prioriteit",
        "created=aangemaakt|aangemaakt op",
        "updated=bijgewerkt|laatst bijgewerkt|bijgewerkt op",
        "completed=voltooid|voltooid op|afgerond|afgerond op",
        "due=vervaldatum",
        "milestone=mijlpaal",
        "dependencies=afhankelijkheden|afhankelijk van",
        "estimated_time=schatting|geschatte tijd",
    ),
    "pl": (
        "assignee=przypisane do|przypisany do|przypisano|przypisana do|odpowiedzialny|wykonawca",
        "priority=priorytet",
        "created=utworzono|data utworzenia",
        "updated=zaktualizowano|ostatnia aktualizacja|data aktualizacji",
        "completed=ukończono|zakończono|data ukończenia",
        "due=termin|termin wykonania",
        "branch=gałąź",
        "tags=tagi|etykiety",
        "dependencies=zależności|zależy od",
        "estimated_time=szacowany czas|szacunek",
    ),
    "tr": (
        "status=durum",
        "assignee=atanan|sorumlu|atanan kişi",
        "priority=öncelik",
        "created=oluşturuldu|oluşturulma tarihi|oluşturulma",
        "updated=güncellendi|son güncelleme|güncelleme tarihi",
        "completed=tamamlandı|tamamlanma tarihi",
        "date=tarih",
        "due=son tarih|bitiş tarihi",
        "tags=etiketler",
        "dependencies=bağımlılıklar",
        "estimated_time=tahmini süre",
    ),
    "ru": (
        "status=статус|состояние",
        "assignee=исполнитель|ответственный|назначено|назначен|назначена",
        "priority=приоритет",
        "created=создано|создана|дата создания",
        "updated=обновлено|обновлена|дата обновления|последнее обновление",
        "completed=завершено|завершена|дата завершения",
        "date=дата",
        "due=срок|дедлайн|срок выполнения",
        "branch=ветка",
        "tags=теги|метки",
        "milestone=веха",
        "sprint=спринт",
        "phase=фаза|этап",
        "dependencies=зависимости|зависит от",
        "estimated_time=оценка времени|оценка",
        "time_spent=затрачено времени",
    ),
    "zh": (
        "status=状态|狀態",
        "assignee=负责人|負責人|指派给|指派給|分配给|分配給|执行人|執行人|责任人",
        "priority=优先级|優先級|优先度|優先順序",
        "created=创建时间|创建日期|創建時間|創建日期|创建于|建立日期",
        "updated=更新时间|更新日期|更新時間|最后更新|最後更新",
        "completed=完成时间|完成日期|完成時間",
        "date=日期",
        "due=截止日期|截止时间|截止時間|到期日|到期日期",
        "branch=分支",
        "tags=标签|標籤",
        "milestone=里程碑",
        "phase=阶段|階段",
        "dependencies=依赖|依赖项|依賴|依赖关系|前置任务",
        "estimated_time=预计时间|预估时间|预计工时|預計時間|预估工时",
    ),
    "ja": (
        "status=状態|ステータス",
        "assignee=担当者|担当",
        "priority=優先度|優先順位",
        "created=作成日|作成日時",
        "updated=更新日|更新日時|最終更新|最終更新日",
        "completed=完了日|完了日時",
        "date=日付",
        "due=期限|期日|締切|締め切り",
        "branch=ブランチ",
        "tags=タグ",
        "milestone=マイルストーン",
        "sprint=スプリント",
        "phase=フェーズ",
        "dependencies=依存関係|依存",
        "estimated_time=見積もり|見積|見積時間",
    ),
    "ko": (
        "status=상태",
        "assignee=담당자|담당",
        "priority=우선순위|우선 순위",
        "created=생성일|작성일|생성 일자",
        "updated=수정일|업데이트|최종 수정일|갱신일",
        "completed=완료일",
        "date=날짜",
        "due=마감일|기한",
        "branch=브랜치",
        "tags=태그|라벨",
        "milestone=마일스톤",
        "sprint=스프린트",
        "phase=단계",
        "dependencies=의존성|의존 관계",
        "estimated_time=예상 시간|예상시간",
    ),
    "ar": ("status=الحالة", "assignee=المسؤول", "priority=الأولوية", "date=التاريخ"),
    "hi": ("status=स्थिति", "priority=प्राथमिकता"),
    "id": ("assignee=ditugaskan kepada|penanggung jawab", "priority=prioritas", "due=tenggat|tenggat waktu"),
}


def _by_key() -> dict[str, str]:
    found = {key: name for name, keys in _ENGLISH.items() for key in keys.split("|")}
    for language in _OTHERS.values():
        for entry in language:
            name, _, keys = entry.partition("=")
            for key in keys.split("|"):
                found.setdefault(_folded(key), name)
    return found


def _folded(key: str) -> str:
    """Return a key for comparing: an accent may be a letter or two, and a blank an underscore or a hyphen."""
    text = key if key.isascii() else unicodedata.normalize("NFC", key).replace("’", "'")
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())


_FIELD_BY_KEY: Final = _by_key()


@lru_cache(maxsize=1024)
def field_of(key: str) -> str | None:
    """Return the field that the written `key` stands for (``Assigned To`` -> ``assignee``), or None."""
    return _FIELD_BY_KEY.get(_folded(key))


def keys_of(field: str) -> tuple[str, ...]:
    """Return the written English keys of a field, the usual one first, in lower case."""
    return tuple(_ENGLISH[field].split("|"))


def usual(field: str) -> str:
    """Return the usual English key of a field, as it stands at the head of a line."""
    return keys_of(field)[0].title()


def field_names() -> tuple[str, ...]:
    """Return every field a card may have."""
    return tuple(_ENGLISH)


def written_keys() -> tuple[str, ...]:
    """Return every key of every language, for comparing."""
    return tuple(_FIELD_BY_KEY)
