"""The types of metadata in the Web API: which properties and navigations each declares.

What a type declares and local/schemas does not describe is refused by name (501); what it does not declare is refused
as the service refuses it (400).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NAMESPACE = "Microsoft.Dynamics.CRM."
ID = "MetadataId"

PROPERTY_ENUMS: Mapping[str, str] = MappingProxyType(
    {
        "AttributeType": "AttributeTypeCode",
        "EntityKeyIndexStatus": "EntityKeyIndexStatus",
        # Texts and whole numbers have formats of their own, which the schema does not describe.
        "Format": "DateTimeFormat",
        "OptionSetType": "OptionSetType",
        "OwnershipType": "OwnershipTypes",
        "RelationshipType": "RelationshipType",
        "RequiredLevel/Value": "AttributeRequiredLevel",
        "CascadeConfiguration/Delete": "CascadeType",
    }
)
"""The enumeration of each property whose value is one."""


@dataclass(frozen=True, slots=True)
class MetadataType:
    """One type. `key` is the property, besides MetadataId, that names an element in an address."""

    name: str
    properties: frozenset[str]
    navigations: frozenset[str] = frozenset()
    base: "MetadataType | None" = None
    key: str = "LogicalName"

    def is_a(self, other: "MetadataType") -> bool:
        """Whether it is the other type or derived from it."""
        return self is other or (self.base is not None and self.base.is_a(other))

    def declares(self, name: str) -> bool:
        """Whether elements of the type have that property."""
        return name in self.properties or (self.base is not None and self.base.declares(name))

    def leads(self, name: str) -> bool:
        """Whether elements of the type have that navigation."""
        return name in self.navigations or (self.base is not None and self.base.leads(name))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMON = _words("MetadataId HasChanged")

ENTITY = MetadataType(
    "EntityMetadata",
    _COMMON
    | _words(
        """ActivityTypeMask AutoCreateAccessTeams AutoRouteToOwnerQueue CanBeInCustomEntityAssociation CanBeInManyToMany
        CanBePrimaryEntityInRelationship CanBeRelatedEntityInRelationship CanChangeHierarchicalRelationship
        CanChangeTrackingBeEnabled CanCreateAttributes CanCreateCharts CanCreateForms CanCreateViews
        CanEnableSyncToExternalSearchIndex CanModifyAdditionalSettings CanTriggerWorkflow ChangeTrackingEnabled
        ClusterMode CollectionSchemaName CreatedOn DataProviderId DataSourceId DaysSinceRecordLastModified Description
        DisplayCollectionName DisplayName EnforceStateTransitions EntityColor EntityHelpUrl EntityHelpUrlEnabled
        EntitySetName ExternalCollectionName ExternalName HasActivities HasEmailAddresses HasFeedback HasNotes
        IconLargeName IconMediumName IconSmallName IconVectorName IntroducedVersion IsAIRUpdated IsActivity
        IsActivityParty IsArchivalEnabled IsAuditEnabled IsAvailableOffline IsBPFEntity IsBusinessProcessEnabled
        IsChildEntity IsConnectionsEnabled IsCustomEntity IsCustomizable IsDocumentManagementEnabled
        IsDocumentRecommendationsEnabled IsDuplicateDetectionEnabled IsEnabledForCharts IsEnabledForExternalChannels
        IsEnabledForTrace IsImportable IsInteractionCentricEnabled IsIntersect IsKnowledgeManagementEnabled
        IsLogicalEntity IsMSTeamsIntegrationEnabled IsMailMergeEnabled IsManaged IsMappable IsOfflineInMobileClient
        IsOneNoteIntegrationEnabled IsOptimisticConcurrencyEnabled IsPrivate IsQuickCreateEnabled
        IsReadOnlyInMobileClient IsReadingPaneEnabled IsRenameable IsRetentionEnabled IsRetrieveAuditEnabled
        IsRetrieveMultipleAuditEnabled IsSLAEnabled IsSolutionAware IsStateModelAware IsValidForAdvancedFind
        IsValidForQueue IsVisibleInMobile IsVisibleInMobileClient LogicalCollectionName LogicalName
        MobileOfflineFilters ModifiedOn ObjectTypeCode OwnershipType OwnerId OwnerIdType OwningBusinessUnit
        PrimaryIdAttribute PrimaryImageAttribute PrimaryNameAttribute Privileges RecurrenceBaseEntityLogicalName
        ReportViewName SchemaName SettingOf Settings SyncToExternalSearchIndex TableType UsesBusinessDataLabelTable"""
    ),
    _words("Attributes Keys ManyToManyRelationships ManyToOneRelationships OneToManyRelationships"),
)
KEY = MetadataType(
    "EntityKeyMetadata",
    _COMMON
    | _words(
        """AsyncJob DisplayName EntityKeyIndexStatus EntityLogicalName IntroducedVersion IsCustomizable IsExportKey
        IsManaged IsSecondaryKey IsSynchronous KeyAttributes LogicalName SchemaName"""
    ),
)
RELATIONSHIP = MetadataType(
    "RelationshipMetadataBase",
    _COMMON
    | _words(
        """IntroducedVersion IsCustomRelationship IsCustomizable IsManaged IsValidForAdvancedFind RelationshipType
        SchemaName SecurityTypes"""
    ),
    key="SchemaName",
)
ONE_TO_MANY = MetadataType(
    "OneToManyRelationshipMetadata",
    _words(
        """AssociatedMenuConfiguration CascadeConfiguration DenormalizedAttributeName EntityKey IsDenormalizedLookup
        IsHierarchical IsRelationshipAttributeDenormalized ReferencedAttribute ReferencedEntity
        ReferencedEntityNavigationPropertyName ReferencingAttribute ReferencingEntity
        ReferencingEntityNavigationPropertyName RelationshipAttributes RelationshipBehavior"""
    ),
    base=RELATIONSHIP,
    key="SchemaName",
)
OPTION_SET = MetadataType(
    "OptionSetMetadata",
    _COMMON
    | _words(
        """Description DisplayName ExternalTypeName IntroducedVersion IsCustomOptionSet IsCustomizable IsGlobal
        IsManaged Name OptionSetType Options ParentOptionSetName"""
    ),
    key="Name",
)
ATTRIBUTE = MetadataType(
    "AttributeMetadata",
    _COMMON
    | _words(
        """AttributeOf AttributeType AttributeTypeName AutoNumberFormat CanBeSecuredForCreate CanBeSecuredForRead
        CanBeSecuredForUpdate CanModifyAdditionalSettings ColumnNumber CreatedOn DeprecatedVersion Description
        DisplayName EntityLogicalName ExternalName InheritsFrom IntroducedVersion IsAuditEnabled IsCustomAttribute
        IsCustomizable IsDataSourceSecret IsFilterable IsGlobalFilterEnabled IsLogical IsManaged IsPrimaryId
        IsPrimaryName IsRenameable IsRequiredForForm IsRetrievable IsSearchable IsSecured IsSortableEnabled
        IsValidForAdvancedFind IsValidForCreate IsValidForForm IsValidForGrid IsValidForRead IsValidForUpdate
        IsValidODataAttribute LinkedAttributeId LogicalName ModifiedOn RequiredLevel SchemaName Settings SourceType"""
    ),
)


@dataclass(frozen=True, slots=True)
class _Derived:
    properties: str
    navigations: frozenset[str] = field(default_factory=frozenset)


_CHOICE = _words("OptionSet GlobalOptionSet")
_ATTRIBUTES = {
    "BigInt": _Derived("MaxValue MinValue"),
    "Boolean": _Derived("DefaultValue FormulaDefinition SourceTypeMask", _CHOICE),
    "DateTime": _Derived(
        "CanChangeDateTimeBehavior DateTimeBehavior Format FormulaDefinition ImeMode MaxSupportedValue "
        "MinSupportedValue SourceTypeMask"
    ),
    "Decimal": _Derived("FormulaDefinition ImeMode MaxValue MinValue Precision SourceTypeMask"),
    "Double": _Derived("ImeMode MaxValue MinValue Precision"),
    "Integer": _Derived("Format FormulaDefinition MaxValue MinValue SourceTypeMask"),
    "Lookup": _Derived("Format Targets"),
    "Memo": _Derived("Format FormatName ImeMode IsLocalizable MaxLength"),
    "Money": _Derived(
        "CalculationOf FormulaDefinition ImeMode IsBaseCurrency MaxValue MinValue Precision PrecisionSource "
        "SourceTypeMask"
    ),
    "Picklist": _Derived(
        "ChildPicklistLogicalNames DefaultFormValue FormulaDefinition ParentPicklistLogicalName SourceTypeMask", _CHOICE
    ),
    "State": _Derived("DefaultFormValue", _CHOICE),
    "Status": _Derived("DefaultFormValue", _CHOICE),
    "String": _Derived(
        "DatabaseLength Format FormatName FormulaDefinition ImeMode IsLocalizable MaxLength SourceTypeMask YomiOf"
    ),
    "UniqueIdentifier": _Derived(""),
}
ATTRIBUTES: Mapping[str, MetadataType] = {
    name: MetadataType(f"{name}AttributeMetadata", _words(attribute.properties), attribute.navigations, ATTRIBUTE)
    for name, attribute in _ATTRIBUTES.items()
}
"""The types of columns, by the first part of their names."""

_BY_NAME = {each.name: each for each in (ONE_TO_MANY, *ATTRIBUTES.values())}


def derived_type(name: str, of: MetadataType) -> MetadataType | None:
    """The type of that full name where an address can narrow the other type down to it."""
    found = _BY_NAME.get(name.removeprefix(NAMESPACE))
    return found if found is not None and found.is_a(of) and found is not of else None
