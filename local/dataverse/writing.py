"""Creates, updates and deletes rows for a caller: defaults, state, rules of the tables, cascades."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.dataverse import automation, rules, salesdocuments
from local.dataverse.organisation import BUSINESS_UNIT_ID, Organisation
from local.dataverse.payloads import Reference, set_lookup
from local.dataverse.refusals import Refused, business_rule, invalid_argument
from local.dataverse.salesdocuments import Document
from local.dataverse.schema import SYSTEM_REQUIRED, EntityType, Property
from local.dataverse.values import moment
from local.simulator.store import Row, Value, quoted


@dataclass(frozen=True, slots=True)
class Caller:
    """Who writes: the user whose rights count, and who really called if that is somebody else."""

    user_id: str
    on_behalf_of: str | None = None


class Writer:
    """Writes rows on behalf of one caller. Every method is one transaction of its own."""

    def __init__(self, organisation: Organisation, caller: Caller) -> None:
        self._organisation = organisation
        self._caller = caller

    def create(self, entity: EntityType, changes: Row) -> Row:
        """A new row; its id is drawn unless the changes bring one. Raises Refused."""
        organisation = self._organisation
        with organisation.store.transaction():
            row = {**entity.blank, **_born_active(entity, organisation), **changes}
            row[entity.primary_id] = row[entity.primary_id] or organisation.new_id()
            row |= _born(entity, organisation, changes)
            row |= self._stamp(entity, created=True, row=row)
            if organisation.schema.solution:
                row |= automation.before_create(organisation, entity, row)
            row = rules.apply(organisation, entity, {}, row)
            _check_required(entity, row)
            stored = organisation.add(entity, row)
            self._follow_up(entity, {}, stored, frozenset(changes))
            return organisation.get(entity, str(stored[entity.primary_id]))

    def update(self, entity: EntityType, before: Row, changes: Row) -> Row:
        """The row with the changes; its version moves even if no value differs. Raises Refused."""
        organisation = self._organisation
        row_id = str(before[entity.primary_id])
        if str(changes.pop(entity.primary_id, row_id)) != row_id:
            raise invalid_argument(f"The id of a row cannot change: {entity.primary_id}.")
        with organisation.store.transaction():
            changes = rules.state_changes(entity, before, changes)
            if organisation.schema.solution:
                changes = {**changes, **automation.before_update(entity, changes)}
            after = {**before, **changes}
            after |= self._stamp(entity, created=False, row=after)
            after = rules.apply(organisation, entity, before, after)
            different = {name: value for name, value in after.items() if value != before[name]}
            stored = organisation.change(entity, row_id, different)
            self._follow_up(entity, before, stored, frozenset(changes))
            return organisation.get(entity, row_id)

    def set_state(self, entity: EntityType, before: Row, changes: Row) -> Row:
        """The row in a state that only an action of its own reaches, which has checked it."""
        with self._organisation.store.transaction():
            stamp = self._stamp(entity, created=False, row=before)
            return self._organisation.change(entity, str(before[entity.primary_id]), changes | stamp)

    def delete(self, entity: EntityType, row: Row) -> None:
        """The row and what cascades from it are gone. Raises Refused (405) if another row forbids it."""
        organisation = self._organisation
        with organisation.store.transaction():
            document = salesdocuments.BY_LINE.get(entity.name)
            if document is not None:
                salesdocuments.require_open(organisation, document.header_of(organisation, row))
            self._delete(entity, str(row[entity.primary_id]), frozenset())
            if document is not None:
                self._line_changed(document, row[document.link])

    def _delete(self, entity: EntityType, row_id: str, above: frozenset[str]) -> None:
        for other, referrer, behaviour in _referrers(self._organisation, entity):
            for row in _referring(self._organisation, other, referrer, entity, row_id):
                other_id = str(row[other.primary_id])
                if other_id == row_id or other_id in above:
                    continue
                match behaviour:
                    case "Restrict":
                        raise _associated()
                    case "Cascade":
                        self._delete(other, other_id, above | {row_id})
                    case "RemoveLink":
                        changes = set_lookup(referrer, None) | self._stamp(other, created=False, row=row)
                        self._organisation.change(other, other_id, changes)
        self._organisation.remove(entity, row_id)

    def _follow_up(self, entity: EntityType, before: Row, row: Row, changed: frozenset[str]) -> None:
        organisation = self._organisation
        if entity.name == "uomschedule" and not before:
            self.create(organisation.entity("uom"), rules.base_unit(organisation, row))
        document = salesdocuments.BY_LINE.get(entity.name)
        if document is not None:
            for header_id in {row[document.link], before.get(document.link, row[document.link])}:
                self._line_changed(document, header_id)
        if organisation.schema.solution:
            automation.after_write(organisation, self, entity, row, changed if before else None)

    def _line_changed(self, document: Document, header_id: Value) -> None:
        """A changed line changes its header: totals, and what the solution keeps of its lines."""
        organisation = self._organisation
        entity = organisation.entity(document.header)
        header = organisation.get(entity, str(header_id))
        changes = salesdocuments.totals(organisation, document, header)
        if organisation.schema.solution:
            changes |= automation.flags_of_lines(organisation, document, header)
        organisation.change(entity, str(header_id), changes | self._stamp(entity, created=False, row=header))

    def _stamp(self, entity: EntityType, *, created: bool, row: Mapping[str, Value]) -> Row:
        """Who wrote it and when, and who owns it."""
        now = moment(self._organisation.clock())
        who = Reference("systemuser", self._caller.user_id)
        behalf = Reference("systemuser", self._caller.on_behalf_of) if self._caller.on_behalf_of else None
        times: Row = {"modifiedon": now}
        people = {"modifiedby": who, "modifiedonbehalfby": behalf}
        if created:
            times["createdon"] = now
            people |= {"createdby": who, "createdonbehalfby": behalf}
            if row.get("overriddencreatedon"):
                times |= {"createdon": row["overriddencreatedon"], "overriddencreatedon": now}
        found: Row = {name: value for name, value in times.items() if name in entity.columns}
        for name, person in people.items():
            if name in entity.columns:
                found |= set_lookup(entity.columns[name], person)
        return found | self._ownership(entity, row)

    def _ownership(self, entity: EntityType, row: Mapping[str, Value]) -> Row:
        if "ownerid" not in entity.columns:
            return {}
        owner_of = entity.columns["ownerid"]
        found: Row = {}
        if row.get("ownerid") is None:
            found |= set_lookup(owner_of, Reference("systemuser", self._caller.user_id))
        owner = {**row, **found}
        is_team = owner.get("ownerid__type") == "team"
        shares = {
            "owningteam": owner["ownerid"] if is_team else None,
            "owninguser": None if is_team else owner["ownerid"],
            "owningbusinessunit": BUSINESS_UNIT_ID,
        }
        return found | {name: value for name, value in shares.items() if name in entity.columns}


def _born_active(entity: EntityType, organisation: Organisation) -> Row:
    """The state of a new product where the organisation wants it to be active; the metadata says that of all others."""
    if entity.name == "product" and organisation.setting("createproductswithoutparentinactivestate"):
        return {"statecode": rules.ACTIVE}
    return {}


def _born(entity: EntityType, organisation: Organisation, changes: Row) -> Row:
    """State and status of a new row. Raises Refused (400) for a state that new rows do not have."""
    state = {**entity.blank, **_born_active(entity, organisation)}.get("statecode")
    if state is None or "statuscode" not in entity.columns:
        return {}
    if changes.get("statecode", state) != state:
        raise business_rule(
            "0x80048408", f"A new {entity.name} cannot have the state {changes['statecode']}; it starts with {state}."
        )
    status = {"statuscode": changes["statuscode"]} if changes.get("statuscode") is not None else {}
    return rules.state_changes(entity, {}, {"statecode": state, **status})


def _check_required(entity: EntityType, row: Row) -> None:
    for property_ in entity.properties.values():
        if property_.required == SYSTEM_REQUIRED and property_.on_create and row.get(property_.column) is None:
            raise invalid_argument(f"The attribute '{property_.column}' of the '{entity.name}' entity is required.")


def _referrers(organisation: Organisation, entity: EntityType) -> list[tuple[EntityType, Property, str]]:
    """Every lookup that can point to this table, with what a deletion does there; refusals first."""
    found = [
        (other, other.columns[nav.column], nav.delete_behavior)
        for other in organisation.schema.entities.values()
        for nav in other.navigations.values()
        if entity.name in nav.targets and nav.delete_behavior != "NoCascade"
    ]
    return sorted(found, key=lambda each: each[2] != "Restrict")


def _referring(
    organisation: Organisation, other: EntityType, of: Property, entity: EntityType, row_id: str
) -> list[Row]:
    sql = f"SELECT * FROM {quoted(other.name)} WHERE {quoted(of.column)} = ?"
    parameters: list[Value] = [row_id]
    if of.type_column:
        sql += f" AND {quoted(of.type_column)} = ?"
        parameters.append(entity.name)
    return organisation.store.select(sql, parameters)


def _associated() -> Refused:
    return Refused(
        405, "0x80040227", "The object you tried to delete is associated with another object and cannot be deleted."
    )
